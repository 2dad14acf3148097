"""Each frame's likeness in the enrolment."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pse_plugins.contracts import Conditioner, Prepared, SpeakerCue
from pse_plugins.errors import ConfigError


class TfMap(Conditioner):
    """``x + W [x, m]``: a frame is joined with a spectrum ``m`` put together from enrolment frames like it.

    With unit-norm spectra ``u`` of the frame and ``e_n`` of the enrolment, ``m`` is ``(x . v) v`` where ``v`` is
    ``sum_n softmax_n(s u . e_n) e_n`` brought to unit norm: the time-frequency map of Zhang et al., "Multi-level
    speaker representation for target speaker extraction", 2024, with a learnt sharpness ``s``. Spectra are compared
    without their mean over the bins, which makes loud and soft ones alike.

    It stands before the backbone, where frames are still spectra, and needs an encoder whose tokens are spectra too.

    Parameters
    ----------
    dim, cue_dim : int
        Bins ``F`` of the features and of the enrolment's spectra: the same.
    view : str
        Which `SpeakerCue.view`.
    sharpness : float
        What ``s`` starts with; the greater, the fewer enrolment frames take part.

    Raises
    ------
    ConfigError
        If the sharpness is not positive, or the cue's tokens are no spectra.
    """

    site = "features"

    def __init__(self, dim: int, cue_dim: int, view: str = "frames", sharpness: float = 10.0) -> None:
        super().__init__()
        if sharpness <= 0:
            raise ConfigError(f"tf-map: sharpness must be positive, got {sharpness}")
        if dim != cue_dim:
            raise ConfigError(
                f"tf-map: compares spectra of {dim} bins, the cue has {cue_dim}; use speaker_encoder: spectrum"
            )
        self.view = view
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness)))
        self.join = nn.Linear(dim + cue_dim, dim)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Bring the enrolment's spectra to unit norm, ``[B, N, F]``, with the bias ``[B, 1, N]`` that masks."""
        tokens, mask = cue.view(self.view)
        bias = tokens.new_zeros(mask.shape).masked_fill(~mask, -1e9)  # finite, should nothing be valid
        return Prepared({"spectra": _unit(tokens), "bias": bias.unsqueeze(1)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Join features ``[B, T, F]`` with their map."""
        return x + self.join(torch.cat([x, self.map(x, prepared)], dim=-1))

    def map(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Give the map of features ``[B, T, F]``."""
        spectra = prepared.tensors["spectra"]
        scores = self.sharpness * (_unit(x) @ spectra.transpose(1, 2))  # [B, T, N]
        likeness = _unit((scores + prepared.tensors["bias"]).softmax(-1) @ spectra)  # [B, T, F]
        return (x * likeness).sum(-1, keepdim=True) * likeness


def _unit(x: Tensor) -> Tensor:
    """Take the mean over the last axis off and bring the rest to unit norm; a constant stays near zero."""
    return functional.layer_norm(x, x.shape[-1:], eps=1e-8) * x.shape[-1] ** -0.5
