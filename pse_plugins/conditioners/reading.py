"""How conditioners read a cue."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ..contracts import SpeakerCue


def read_cue(cue: SpeakerCue, view: str, normalise: bool) -> tuple[Tensor, Tensor]:
    """Read a view of the cue, each token brought to zero mean and unit variance if wanted.

    Encoders differ in scale (a d-vector of unit length has entries near 0.06): normalised, one learning rate
    suits them all. It adds no parameters.

    Returns
    -------
    tokens : Tensor
        ``[B, rows, cue_dim]``; what is masked is zero.
    mask : Tensor
        ``[B, rows]``, True where valid.
    """
    tokens, mask = cue.view(view)
    if normalise:
        tokens = functional.layer_norm(tokens, tokens.shape[-1:]).masked_fill(~mask.unsqueeze(-1), 0.0)
    return tokens, mask
