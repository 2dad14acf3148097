"""Recurrent masker."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contracts import Backbone, MakeConditioner, Prepared, State, StateSpec, initial_state
from ..errors import ConfigError


class Gru(Backbone):
    """GRU layers, each with its conditioner, and a sigmoid mask head.

    Without a conditioner this is the specialist of Sivaraman & Kim: ``layers`` x ``hidden`` on magnitudes.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Builds a conditioner for a number of channels; None builds a network that needs no cue.
    layers, hidden : int
        Number and width of the recurrent layers.
    condition_site : str or None
        ``"input"``: before each recurrent layer. ``"after-attention"``: after it, as it is what mixes over
        time here. None leaves the choice to the conditioner.
    normalise : bool
        Bring each frame's features to zero mean and unit variance over frequency first, which makes the mask
        independent of the level.

    Raises
    ------
    ConfigError
        If a size is not positive or the site unknown.
    """

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        layers: int = 2,
        hidden: int = 256,
        condition_site: str | None = None,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1 or hidden < 1:
            raise ConfigError(f"gru: layers and hidden must be at least 1, got {layers} and {hidden}")
        self.needs_cue = make_conditioner is not None
        self.norm = nn.LayerNorm(n_bins) if normalise else nn.Identity()
        widths = [n_bins] + [hidden] * (layers - 1)
        self.rnns = nn.ModuleList(nn.GRU(width, hidden, batch_first=True) for width in widths)
        self.conditioners = nn.ModuleList()
        self.site = condition_site
        if make_conditioner is not None:
            self.site = condition_site or make_conditioner(1).site
            if self.site not in ("input", "after-attention"):
                raise ConfigError(f"gru: no condition_site {self.site!r}; use 'input' or 'after-attention'")
            dims = widths if self.site == "input" else [hidden] * layers
            self.conditioners.extend(make_conditioner(dim) for dim in dims)
        self.head = nn.Linear(hidden, n_bins)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        return self.step(features, prepared, initial_state(self.state_spec(), features.shape[0], features))[0]

    def state_spec(self) -> list[StateSpec]:
        """One hidden vector a layer."""
        return [StateSpec(f"hidden.{i}", (rnn.hidden_size,)) for i, rnn in enumerate(self._layers())]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames."""
        x, new = self.norm(features), {}
        for i, rnn in enumerate(self._layers()):
            if self.site == "input":
                x = self._condition(i, x, prepared)
            x, hidden = rnn(x, state[f"hidden.{i}"].unsqueeze(0).contiguous())  # [B, t, hidden]
            new[f"hidden.{i}"] = hidden.squeeze(0)
            if self.site == "after-attention":
                x = self._condition(i, x, prepared)
        return torch.sigmoid(self.head(x)), new

    def _layers(self) -> list[nn.GRU]:
        return [layer for layer in self.rnns if isinstance(layer, nn.GRU)]

    def _condition(self, i: int, x: Tensor, prepared: Prepared) -> Tensor:
        if not self.needs_cue:
            return x
        return self.conditioners[i](x, prepared.part(f"conditioners.{i}"))
