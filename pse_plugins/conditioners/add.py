"""Addition of a projected cue."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue


class Add(Conditioner):
    """``x + W h``: the cue shifts every frame by the same amount.

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
        self.shift = nn.Linear(cue_dim, dim)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Project the cue, ``[B, 1, C]``."""
        return Prepared({"shift": self.shift(cue.view(self.view, self.normalise)[0])})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Shift features ``[B, T, C]``."""
        return x + prepared.tensors["shift"]
