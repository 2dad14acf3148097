"""A recording without its silence, and the way back to where each sample came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SilenceMap:
    """Which samples of a recording are kept when silence is removed.

    Parameters
    ----------
    spans : ndarray
        int64 ``[K, 2]``: first sample kept and the one after the last, in order and apart.

    Examples
    --------
    >>> kept = SilenceMap(np.array([[2, 5], [8, 10]]))
    >>> kept.length, kept.pieces(1, 3), kept.extent(1, 3)
    (5, [(3, 5), (8, 9)], (3, 9))
    """

    spans: np.ndarray

    def __post_init__(self) -> None:
        lengths = self.spans[:, 1] - self.spans[:, 0]
        object.__setattr__(self, "_ends", np.cumsum(lengths))

    @property
    def length(self) -> int:
        """Samples left when silence is removed."""
        return int(self._ends[-1]) if len(self.spans) else 0

    def pieces(self, start: int, length: int) -> list[tuple[int, int]]:
        """Give the parts of the recording that ``length`` kept samples from ``start`` come from, in order."""
        first, last = np.searchsorted(self._ends, [start, start + length - 1], side="right")
        found = []
        for k in range(int(first), int(last) + 1):
            shift = int(self.spans[k, 1] - self._ends[k])  # kept position + shift = position in the recording
            begin, end = (
                max(start + shift, int(self.spans[k, 0])),
                min(start + length + shift, int(self.spans[k, 1])),
            )
            found.append((begin, end))
        return found

    def extent(self, start: int, length: int) -> tuple[int, int]:
        """Give the first sample of the recording that a clip uses, and the one after the last."""
        pieces = self.pieces(start, length)
        return pieces[0][0], pieces[-1][1]

    def overlap(self, first: int, last: int) -> int:
        """Count the kept samples from ``first`` up to, not including, ``last`` of the recording."""
        within = np.minimum(self.spans[:, 1], last) - np.maximum(self.spans[:, 0], first)
        return int(np.maximum(within, 0).sum())

    def scaled(self, ratio: float, size: int) -> SilenceMap:
        """Give the same map for the recording at ``ratio`` times the rate, where it has ``size`` samples."""
        spans = np.minimum(np.round(self.spans * ratio).astype(np.int64), size)
        return SilenceMap(spans[spans[:, 1] > spans[:, 0]])

    _ends: np.ndarray = None  # type: ignore[assignment]  # kept samples up to the end of each span
