"""Feature-wise linear modulation."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue


class Film(Conditioner):
    """``x * (1 + G h) + B h``, with weights of their own for scale and shift (Perez et al., 2018).

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

    Examples
    --------
    >>> import torch
    >>> from pse_plugins.contracts import SpeakerCue
    >>> cue = SpeakerCue(torch.randn(2, 1, 9, 4), torch.ones(2, 1, 9, dtype=torch.bool), torch.randn(2, 1, 4))
    >>> film = Film(dim=8, cue_dim=4)
    >>> list(film(torch.randn(2, 5, 8), film.prepare(cue)).shape)
    [2, 5, 8]
    """

    site = "after-attention"

    def __init__(self, dim: int, cue_dim: int, view: str = "vector", normalise: bool = True) -> None:
        super().__init__()
        self.view, self.normalise = view, normalise
        self.scale = nn.Linear(cue_dim, dim)
        self.shift = nn.Linear(cue_dim, dim)
        for layer in (self.scale, self.shift):  # start near the identity
            layer.weight.data.mul_(0.3)
            layer.bias.data.zero_()

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Turn the cue into a factor and a shift a channel, ``[B, 1, C]`` each."""
        vector = cue.view(self.view, self.normalise)[0]
        return Prepared({"scale": 1 + self.scale(vector), "shift": self.shift(vector)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Modulate features ``[B, T, C]``."""
        return x * prepared.tensors["scale"] + prepared.tensors["shift"]
