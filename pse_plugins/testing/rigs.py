"""Test rigs: build a component small, make inputs for it, run it; one rig a kind."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import Backbone, Conditioner, Prepared, SpeakerCue, SpeakerEncoder
from .array_rigs import MetricRig, RecogniserRig
from .references import ReferenceBackbone, ReferenceConditioner, ReferenceFeatureEncoder
from .returns import tensor_of, watch
from .verdict import Tensors

CUE_DIM = 6
"""Width of the cues that the kit makes, in the view that a conditioner reads."""

LONG = 4000
"""Frames of a long signal: at a hop of 10 ms, 40 s."""

_FRAMES, _BINS, _CHANNELS = 24, 9, 8
_CLIPS, _TOKENS, _MOST_TOKENS = 3, 5, 128


class Rig(ABC):
    """Builds a component and feeds it.

    Parameters
    ----------
    factory : callable
        Builds the component.
    options : dict
        Its options; they come before the rig's own `defaults`.

    Attributes
    ----------
    required : tuple of str
        The options that every factory of the kind must take.
    keeps : str
        Where what a run has to remember belongs, if not on the component.
    """

    required: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[str] = "nothing may be kept there"

    def __init__(self, factory: Callable[..., Any], options: dict[str, Any]) -> None:
        self.factory = factory
        self.options = {**self.defaults(), **options}

    def defaults(self) -> dict[str, Any]:
        """Give the tiny sizes to build with."""
        return {}

    def build(self, seed: int = 0, moved: bool = True) -> Any:
        """Build in evaluation mode at a random point: what starts constant (a zero gate, say) is moved.

        What its methods return is watched from then on.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built = self.factory(**self.options)
            if isinstance(built, nn.Module):
                built.eval()
                if moved:
                    _move_constants(built)
        return watch(built)

    @abstractmethod
    def inputs(self, batch: int = 4, seed: int = 0) -> Tensors:
        """Make inputs, the batch first."""

    @abstractmethod
    def run(self, module: Any, inputs: Tensors) -> Tensors:
        """Run the component; name -> output, the batch first."""


class ConditionerRig(Rig):
    """Features ``x [B, T, C]`` and a cue in, ``y [B, T, C]`` out."""

    required = ("dim", "cue_dim")
    keeps = "prepare gives forward all it needs in Prepared(...)"
    signal = "x"

    def defaults(self) -> dict[str, Any]:
        """Give the tiny sizes to build with."""
        return {"dim": _CHANNELS, "cue_dim": CUE_DIM}

    def inputs(self, batch: int = 4, seed: int = 0, frames: int = _FRAMES) -> Tensors:
        """Make features and a cue with absent utterances and shorter ones."""
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(batch, frames, self.options["dim"], generator=generator)
        return {"x": x, **cue_inputs(batch, self.view(), self.options["cue_dim"], generator)}

    def run(self, module: Conditioner, inputs: Tensors) -> Tensors:
        """Prepare the cue, condition the features."""
        return {"y": module(inputs["x"], module.prepare(cue_of(inputs)))}

    def view(self) -> str:
        """Say which view of the cue the component reads."""
        inside = [m for m in self.build().modules() if isinstance(m, Conditioner)]
        return inside[0].view if inside else "vector"


class BackboneRig(ConditionerRig):
    """Features ``[B, T, F]`` and a cue in, ``mask [B, T, F]`` out."""

    required = ("n_bins", "make_conditioner")
    keeps = "pass state in and out instead"
    signal = "features"

    def __init__(self, factory: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(factory, options)
        self.options = {**inner_parts(factory, self.options["n_bins"]), **self.options}

    def defaults(self) -> dict[str, Any]:
        """Give the tiny sizes and a plain conditioner to build with."""
        return {"n_bins": _BINS, "make_conditioner": lambda dim: ReferenceConditioner(dim, CUE_DIM)}

    def inputs(self, batch: int = 4, seed: int = 0, frames: int = _FRAMES) -> Tensors:
        """Make features, positive as magnitudes are, and a cue."""
        generator = torch.Generator().manual_seed(seed)
        features = torch.rand(batch, frames, self.options["n_bins"], generator=generator)
        return {"features": features, **cue_inputs(batch, self.view(), CUE_DIM, generator)}

    def run(self, module: Backbone, inputs: Tensors) -> Tensors:
        """Estimate the mask of whole signals."""
        return {"mask": module(inputs["features"], prepare(module, inputs))}


class EncoderRig(Rig):
    """Waveforms ``[B, Q, S]`` or features ``[B, T, F]``, with lengths, in; the three parts of a cue out."""

    def inputs(self, batch: int = 4, seed: int = 0) -> Tensors:
        """Make half-second clips, of which one is short and one absent; or frames, of which one row is short."""
        generator = torch.Generator().manual_seed(seed)
        module = self.build()
        if module.input == "features":
            features = torch.rand(batch, _FRAMES, self.options.get("n_bins", _BINS), generator=generator)
            return {"features": features, "lengths": torch.tensor([_FRAMES, _FRAMES - 7] * batch)[:batch]}
        samples = module.sample_rate // 2
        swell = 0.2 + torch.sin(torch.arange(samples) * 12.0 / samples).square()
        lengths = torch.full((batch, 2), samples)
        lengths[0, 1], lengths[-1, 1] = 0, samples * 3 // 5
        return {
            "waveforms": 0.1 * swell * torch.randn(batch, 2, samples, generator=generator),
            "lengths": lengths,
        }

    def run(self, module: SpeakerEncoder, inputs: Tensors) -> Tensors:
        """Encode; tokens are zero where masked, and their number is filled up to a constant."""
        signal = inputs["waveforms" if "waveforms" in inputs else "features"]
        cue = module(signal, inputs["lengths"])
        tokens = cue.tokens.masked_fill(~cue.mask.unsqueeze(-1), 0.0)
        missing = max(0, _MOST_TOKENS - cue.mask.shape[2])
        return {
            "tokens": functional.pad(tokens, (0, 0, 0, missing)),
            "mask": functional.pad(cue.mask, (0, missing)),
            "vectors": cue.vectors,
        }


class LossRig(Rig):
    """Estimate and target ``[B, S]`` and lengths in, ``loss [B]`` out."""

    def inputs(self, batch: int = 4, seed: int = 0) -> Tensors:
        """Make noisy copies of a target, of two lengths."""
        generator = torch.Generator().manual_seed(seed)
        target, noise = 0.1 * torch.randn(2, batch, 4000, generator=generator)
        return {
            "estimate": target + noise,
            "target": target,
            "lengths": torch.tensor([4000, 2900] * batch)[:batch],
        }

    def run(self, module: Callable[..., Tensor], inputs: Tensors) -> Tensors:
        """Compare; what lies beyond the lengths is not looked at."""
        loss = module(inputs["estimate"], inputs["target"], inputs["lengths"])
        return {"loss": tensor_of(loss, "[B]", "the loss")}


RIGS: dict[str, Callable[..., Any]] = {
    "conditioner": ConditionerRig,
    "backbone": BackboneRig,
    "speaker_encoder": EncoderRig,
    "loss": LossRig,
    "metric": MetricRig,
    "recogniser": RecogniserRig,
}
"""Kind of component -> the rig that it is examined on."""


def inner_parts(factory: Callable[..., Any], n_bins: int, width: int = CUE_DIM) -> dict[str, Any]:
    """Give plain parts to a backbone that is built of others: those of `pse_plugins.assembly.PARTS`."""
    parts = {
        "make_expert": lambda make_conditioner: ReferenceBackbone(n_bins, make_conditioner),
        "make_encoder": lambda: ReferenceFeatureEncoder(n_bins, width),
    }
    known = inspect.signature(factory).parameters
    return {name: make for name, make in parts.items() if name in known}


def cue_inputs(batch: int, view: str, width: int, generator: torch.Generator) -> Tensors:
    """Make the parts of a cue of three utterances, the third absent in each second item, one shorter.

    Only the view that is read has the given width; the other is wider, so that reading the wrong one fails.
    """
    reads_vectors = view in ("vector", "utterances")
    wide, narrow = (width + 1, width) if reads_vectors else (width, width + 1)
    mask = torch.ones(batch, _CLIPS, _TOKENS, dtype=torch.bool)
    mask[::2, 2], mask[:, 1, 3:] = False, False
    tokens = torch.randn(batch, _CLIPS, _TOKENS, wide, generator=generator).masked_fill(~mask[..., None], 0.0)
    vectors = torch.randn(batch, _CLIPS, narrow, generator=generator).masked_fill(
        ~mask.any(-1)[..., None], 0.0
    )
    return {"tokens": tokens, "mask": mask, "vectors": vectors}


def cue_of(inputs: Tensors) -> SpeakerCue:
    """Put the parts of a cue together."""
    return SpeakerCue(inputs["tokens"], inputs["mask"], inputs["vectors"])


def prepare(module: Backbone, inputs: Tensors) -> Prepared:
    """Prepare the cue, or none for a backbone that needs none."""
    return module.prepare(cue_of(inputs) if module.needs_cue else None)


def _move_constants(module: nn.Module) -> None:
    """Add noise to each trainable parameter whose entries are all the same."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad and bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(0.3 * torch.randn_like(parameter))
