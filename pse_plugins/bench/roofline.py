"""What the machine allows: how fast one thread reads memory, and how fast it multiplies.

A hop can be no faster than reading its weights and state once, nor than doing its products at the rate of large
matrix products ("roofline": Williams, Waterman & Patterson, CACM 52(4), 2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

_LEAST = 2**16  # bytes: smaller reads are lost in the cost of a call
_SIZE = 768  # rows of the matrices
_WARM = 4  # rounds that are not counted: what was elsewhere in memory comes near
_LEAST_REPEATS, _LEAST_SECONDS = 5, 0.01


class Reader:
    """Reads a working set as often as asked, and keeps count of how fast that was.

    Parameters
    ----------
    size : int
        Bytes that are read each time.
    """

    def __init__(self, size: int) -> None:
        self._memory = torch.ones(max(_LEAST, size) // 4)
        self._rates: list[float] = []

    def run(self) -> None:
        """Read some times, after some that are not counted."""
        self._rates.append(4 * self._memory.numel() / _median_seconds(self._memory.sum))

    @property
    def rate(self) -> float:
        """Bytes a second: the median over all calls of `run`."""
        return _median(self._rates)


class Multiplier:
    """Multiplies matrices as often as asked, and keeps count of how fast that was."""

    def __init__(self) -> None:
        self._matrix = torch.randn(_SIZE, _SIZE)
        self._rates: list[float] = []

    def run(self) -> None:
        """Multiply some times, after some that are not counted."""
        self._rates.append(_SIZE**3 / _median_seconds(lambda: self._matrix @ self._matrix))

    @property
    def rate(self) -> float:
        """Multiply-accumulates a second, in float32: the median over all calls of `run`."""
        return _median(self._rates)


def _median_seconds(call: Callable[[], object]) -> float:
    """Time a call: the median of some, after some that are not counted."""
    for _ in range(_WARM):
        call()
    seconds: list[float] = []
    stop = time.perf_counter() + _LEAST_SECONDS
    while len(seconds) < _LEAST_REPEATS or time.perf_counter() < stop:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return _median(seconds)


def _median(values: list[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).quantile(0.5))
