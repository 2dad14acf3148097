"""What a live stream does, in a line a second: levels, latency, the share of a core, misses."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from .resampling import BlockProcessor
from .say import status

_EVERY = 1.0  # seconds


class Meter:
    """Gathers levels, and shows a line a second.

    Parameters
    ----------
    latency : callable
        Gives the latency in milliseconds, algorithmic and of buffers.
    misses : callable
        Gives how often samples were not ready in time, so far.
    clock, busy : callable
        Give seconds: those that pass, and those that this process has computed.
    """

    def __init__(
        self,
        latency: Callable[[], float],
        misses: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        self._latency, self._misses, self._clock, self._busy = latency, misses, clock, busy
        self._start()

    def take(self, came: np.ndarray, went: np.ndarray) -> None:
        """Hear what came in and what went out, ``[n]`` each."""
        for sums, samples in ((self._in, came), (self._out, went)):
            sums[0] += float(np.square(samples, dtype=np.float64).sum())
            sums[1] += len(samples)

    def tick(self) -> None:
        """Show a line if it is time."""
        if self._clock() - self._since >= _EVERY:
            status(self.line())
            self._start()

    def line(self) -> str:
        """Say how it stands: levels in dBFS, a sine of full scale being -3."""
        share = (self._busy() - self._worked) / max(1e-9, self._clock() - self._since)
        return (
            f"in {_level(self._in)} dBFS, out {_level(self._out)} dBFS, latency {self._latency():.0f} ms, "
            f"cpu {100 * share:.0f} %, misses {self._misses()}"
        )

    def _start(self) -> None:
        self._since, self._worked = self._clock(), self._busy()
        self._in, self._out = [0.0, 0.0], [0.0, 0.0]


class MeteredStream:
    """Lets a meter hear what goes into and comes out of a stream, and counts the blocks that took too long.

    Parameters
    ----------
    inner : BlockProcessor
        The stream.
    rate : int
        Its rate in Hz.

    Attributes
    ----------
    meter : Meter or None
        Who hears it.
    late : int
        Blocks that took longer than they last.
    """

    def __init__(self, inner: BlockProcessor, rate: int) -> None:
        self._inner, self._rate = inner, rate
        self.meter: Meter | None = None
        self.late = 0

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        started = time.perf_counter()
        out = self._inner.feed(block)
        self.late += time.perf_counter() - started > len(block) / self._rate
        if self.meter is not None:
            self.meter.take(block, out)
        return out

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._inner.flush()


def _level(sums: list[float]) -> str:
    """Write the level of a sum of squares and a count."""
    mean = sums[0] / sums[1] if sums[1] else 0.0
    return f"{10 * np.log10(mean):.0f}" if mean > 1e-15 else "-inf"
