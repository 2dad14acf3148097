"""Which frames of a batch belong to its signals, for networks that see all of a signal at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..contracts import Prepared

_NAME = "filled"


def note_filled(features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
    """Note, where a backbone listens, which frames ``[B, T]`` each signal fills.

    The longest fills them all: what an analysis appends so that the last samples come back belongs to the
    signal, and a shorter one has as many of these frames.

    Parameters
    ----------
    features : Tensor
        ``[B, T, F]``.
    prepared : Prepared
        To be added to.
    frames : Tensor
        ``[B]``, as `Backbone.listen` is given them.

    Examples
    --------
    >>> noted = note_filled(torch.zeros(2, 6, 1), Prepared(), torch.tensor([4, 2]))
    >>> filled_frames(torch.zeros(2, 6, 1), noted).int().tolist()
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]
    """
    total = features.shape[1]
    counts = frames + (total - frames.max())
    filled = torch.arange(total, device=features.device) < counts.unsqueeze(1)
    return Prepared({**prepared.tensors, _NAME: filled}, prepared.losses)


def filled_frames(features: Tensor, prepared: Prepared) -> Tensor:
    """Read what `note_filled` noted, ``[B, T]``, True where a frame counts; all of them without it."""
    everywhere = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
    return prepared.tensors.get(_NAME, everywhere)
