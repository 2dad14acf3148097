"""States that are rings: how a step appends to them, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_HELD_OUTSIDE = ContextVar("rings held outside", default=False)


def append(ring: Tensor, rows: Tensor) -> Tensor:
    """Drop the oldest rows of a state whose update is ``"ring"``, and append new ones.

    Within `rings_held_outside` the new rows alone are given: an exported step then moves no more than those.

    Parameters
    ----------
    ring : Tensor
        ``[B, W, ...]``.
    rows : Tensor
        ``[B, t, ...]``, ``t`` of any size.

    Returns
    -------
    Tensor
        The last ``W`` rows of both.

    Examples
    --------
    >>> append(torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]])).tolist()
    [[3, 4, 5]]
    """
    return rows if _HELD_OUTSIDE.get() else torch.cat([ring, rows], dim=1)[:, rows.shape[1] :]


@contextmanager
def rings_held_outside() -> Iterator[None]:
    """Let `append` give the new rows alone, for a host that keeps the rings itself."""
    token = _HELD_OUTSIDE.set(True)
    try:
        yield
    finally:
        _HELD_OUTSIDE.reset(token)
