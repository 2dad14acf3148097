"""A stream of one rate on audio of another."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import soxr

from .audio import check_rates


class BlockProcessor(Protocol):
    """What streams: as many samples out as in, in the end."""

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""

    def flush(self) -> np.ndarray:
        """Give the rest."""


class ResampledStream:
    """Runs a stream of one rate on audio of another: as many samples out as in, aligned with the input.

    Parameters
    ----------
    inner : BlockProcessor
        The stream.
    rate, inner_rate : int
        Rates in Hz of the audio and of the stream.

    Attributes
    ----------
    held : int
        The most samples, at `rate`, that were in and not yet out when a block came: the delay a listener gets.
    """

    def __init__(self, inner: BlockProcessor, rate: int, inner_rate: int) -> None:
        check_rates(rate, inner_rate)
        self._inner = inner
        self._same = rate == inner_rate
        self._down = soxr.ResampleStream(rate, inner_rate, 1)
        self._up = soxr.ResampleStream(inner_rate, rate, 1)
        self._taken, self._given, self.held = 0, 0, 0

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take samples ``[n]`` and give those that are ready, float32."""
        block = np.ascontiguousarray(block, dtype=np.float32)
        self._taken += len(block)
        self.held = max(self.held, self._taken - self._given)
        inside = block if self._same else self._down.resample_chunk(block)
        out = self._inner.feed(inside)
        ready = self._count(
            out if self._same else self._up.resample_chunk(np.ascontiguousarray(out, np.float32))
        )
        return ready

    def flush(self) -> np.ndarray:
        """Give the rest: after it, as many samples have come out as went in."""
        if self._same:
            return self._count(self._inner.flush())
        last = self._down.resample_chunk(np.zeros(0, np.float32), last=True)
        rest = np.concatenate([self._inner.feed(last), self._inner.flush()]).astype(np.float32, copy=False)
        out = self._up.resample_chunk(rest, last=True)
        missing = max(0, self._taken - self._given - len(out))
        return self._count(np.pad(out, (0, missing)))

    def _count(self, out: np.ndarray) -> np.ndarray:
        """Give no more samples than were taken, and remember how many."""
        out = out[: self._taken - self._given]
        self._given += len(out)
        return out
