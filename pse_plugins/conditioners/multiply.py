"""Multiplicative adaptation."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue


class Multiply(Conditioner):
    """``x * (1 + W h)``: the cue scales each channel (Zmolikova et al., "SpeakerBeam", 2019).

    Parameters
    ----------
    dim : int
        Channels ``C`` of the features.
    cue_dim : int
        Width of the view that is read.
    view : str
        Which `SpeakerCue.view`: one vector.
    normalise : bool
        Bring the cue to zero mean and unit variance first.
    """

    site = "after-attention"

    def __init__(self, dim: int, cue_dim: int, view: str = "vector", normalise: bool = True) -> None:
        super().__init__()
        self.view, self.normalise = view, normalise
        self.scale = nn.Linear(cue_dim, dim)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Turn the cue into one factor a channel, ``[B, 1, C]``."""
        return Prepared({"scale": 1 + self.scale(cue.view(self.view, self.normalise)[0])})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Scale features ``[B, T, C]``."""
        return x * prepared.tensors["scale"]
