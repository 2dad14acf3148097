"""Give a wider network the weights of a narrower one, so that it does the same until it has learnt more."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..enhancer import Enhancer
from ..errors import ConfigError

_GATES: dict[type[nn.Module], int] = {nn.GRU: 3, nn.LSTM: 4, nn.GRUCell: 3, nn.LSTMCell: 4}


def widen(narrow: Enhancer, wide: Enhancer) -> None:
    """Give an enhancer's backbone weights with which it says what a narrower one says.

    The first units of each layer are the narrow network's and do not hear the added ones, which have the weights that
    they were made with and are heard by nobody yet: the weights towards the first units are zero, and learn. (Chen,
    Goodfellow & Shlens, "Net2Net", 2016, split units in place of it.)

    Parameters
    ----------
    narrow : Enhancer
        The trained one.
    wide : Enhancer
        Of the same components, wider; unchanged on an error.

    Raises
    ------
    ConfigError
        If a layer is narrower, there are other layers than the narrow network's, or it would not say the same, as its
        layers join or normalise what others give.
    """
    grown = copy.deepcopy(wide)
    grown.backbone.load_state_dict(_weights(narrow.backbone, wide.backbone))
    if not _say_the_same(narrow, grown):
        raise ConfigError("it would not begin as what it starts from")
    wide.backbone.load_state_dict(grown.backbone.state_dict())


def _weights(narrow: nn.Module, wide: nn.Module) -> dict[str, Tensor]:
    """Lay the weights of a network into those of a wider one."""
    given, weights = narrow.state_dict(), wide.state_dict()
    if given.keys() != weights.keys():
        raise ConfigError("there are other layers")
    gates = {
        f"{name}.{own}": _GATES.get(type(module), 1)
        for name, module in wide.named_modules()
        for own, _ in module.named_parameters(recurse=False)
    }
    return {name: _grown(name, given[name], value, gates.get(name, 1)) for name, value in weights.items()}


@torch.no_grad()
def _say_the_same(one: Enhancer, other: Enhancer) -> bool:
    """Tell whether two networks give the same mask to one cue and mixture, made at random."""
    noise = torch.Generator().manual_seed(0)
    cue, masks = None, []
    if one.needs_cue:
        assert one.speaker_encoder is not None
        length = 2 * one.speaker_encoder.sample_rate
        cue = one.embed(torch.randn(1, 1, length, generator=noise) / 10, torch.tensor([[length]]))
    features = torch.randn(1, 200, one.frontend.n_bins, generator=noise)
    for network in (one, other):
        network.eval()
        masks.append(network.backbone(features, network.prepare(cue)))
    return torch.allclose(*masks, atol=1e-4)


def _grown(name: str, old: Tensor, new: Tensor, gates: int) -> Tensor:
    """Lay weights into larger ones, gate by gate; what the first units would take from added ones is zero."""
    if old.shape == new.shape:
        return old
    if old.dim() != new.dim():
        raise ConfigError(f"{name} is {list(old.shape)}, here {list(new.shape)}")
    if any(a > b for a, b in zip(old.shape, new.shape, strict=True)):
        raise ConfigError(f"it is narrower ({name} is {list(old.shape)}, here {list(new.shape)})")
    grown = new.clone().unflatten(0, (gates, -1))
    kept = old.unflatten(0, (gates, -1))
    grown[:, : kept.shape[1]] = 0.0
    grown[tuple(slice(size) for size in kept.shape)] = kept
    return grown.flatten(0, 1)
