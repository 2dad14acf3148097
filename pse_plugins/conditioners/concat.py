"""Concatenation: the baseline of most personalised enhancers."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue


class Concat(Conditioner):
    """``LT(Concat(Y, h))``, equation 1 of Zhang et al., "Cross-attention is all you need".

    The linear map of the joined vector is the sum of one map of the frame and one of the cue, so the cue's
    share is computed once per speaker.

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
    dropout : float
        Of what comes out, in training; the paper has 0.1.
    """

    site = "input"

    def __init__(
        self,
        dim: int,
        cue_dim: int,
        view: str = "vector",
        normalise: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.view, self.normalise = view, normalise
        self.of_frame = nn.Linear(dim, dim)
        self.of_cue = nn.Linear(cue_dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Project the cue, ``[B, 1, C]``."""
        return Prepared({"shift": self.of_cue(cue.view(self.view, self.normalise)[0])})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Map features ``[B, T, C]`` and cue to ``[B, T, C]``."""
        return self.dropout(self.of_frame(x) + prepared.tensors["shift"])
