"""Layer normalisation with the speaker's scale and shift."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pse_plugins.contracts import Conditioner, Prepared, SpeakerCue
from pse_plugins.errors import ConfigError


class ConditionalLayerNorm(Conditioner):
    """``(1 + G h) LN(x) + B h``: the cue sets scale and shift of a layer norm over the channels.

    Chen et al., "AdaSpeech: adaptive text to speech for custom voice", ICLR 2021; modulation by two linear maps is
    that of Perez et al., "FiLM", 2018. Mean and variance are each frame's own, so nothing looks
    ahead or back. ``G`` and ``B`` start small, and so it starts close to a plain layer norm.

    Parameters
    ----------
    dim : int
        Channels ``C`` of the features.
    cue_dim : int
        Width of the view that is read.
    view : str
        Which `SpeakerCue.view`: ``"vector"``, ``"vector-mean"`` or ``"vector-last"``.
    eps : float
        Added to the variance of each frame.

    Raises
    ------
    ConfigError
        If the view is not one vector, or ``eps`` is not positive.

    Examples
    --------
    >>> import torch
    >>> cue = SpeakerCue(torch.randn(2, 1, 9, 4), torch.ones(2, 1, 9, dtype=torch.bool), torch.randn(2, 1, 4))
    >>> norm = ConditionalLayerNorm(dim=8, cue_dim=4)
    >>> list(norm(torch.randn(2, 5, 8), norm.prepare(cue)).shape)
    [2, 5, 8]
    """

    site = "after-attention"

    def __init__(self, dim: int, cue_dim: int, view: str = "vector", eps: float = 1e-5) -> None:
        super().__init__()
        if not view.startswith("vector"):
            raise ConfigError(f"cln: view {view!r} is not one vector; use vector, vector-mean or vector-last")
        if eps <= 0:
            raise ConfigError(f"cln: eps must be positive, got {eps}")
        self.view, self.eps = view, eps
        self.scale = nn.Linear(cue_dim, dim)
        self.shift = nn.Linear(cue_dim, dim)
        for layer in (self.scale, self.shift):
            nn.init.normal_(layer.weight, std=0.1 * cue_dim**-0.5)
            nn.init.zeros_(layer.bias)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Turn the cue, brought to zero mean and unit variance, into scale and shift ``[B, 1, C]``."""
        vector = cue.view(self.view)[0]
        return Prepared({"scale": 1 + self.scale(vector), "shift": self.shift(vector)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Normalise features ``[B, T, C]`` frame by frame, then scale and shift each channel."""
        normal = functional.layer_norm(x, x.shape[-1:], eps=self.eps)
        return normal * prepared.tensors["scale"] + prepared.tensors["shift"]
