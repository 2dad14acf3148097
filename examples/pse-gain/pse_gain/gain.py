"""One gain for all channels."""

from __future__ import annotations

from torch import Tensor, nn

from pse_plugins.contracts import Conditioner, Prepared, SpeakerCue


class Gain(Conditioner):
    """``(1 + w h) x``: one number of the cue scales all channels alike.

    Parameters
    ----------
    dim : int
        Channels ``C`` of the features; every conditioner is built with it, this one has no use for it.
    cue_dim : int
        Width ``E'`` of the speaker's vector.
    """

    site = "after-attention"
    view = "vector"

    def __init__(self, dim: int, cue_dim: int) -> None:
        super().__init__()
        self.gain = nn.Linear(cue_dim, 1)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Work the gain out, once per speaker: ``[B, 1, 1]``."""
        vector, _ = cue.view(self.view)  # [B, 1, E']
        return Prepared({"gain": 1 + self.gain(vector)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Scale features ``[B, T, C]``, each frame alone."""
        return x * prepared.tensors["gain"]
