"""Blocks of any size in, whole hops through, aligned samples out: what every stream has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .audio import check
from .errors import BundleError, ConfigError


class HopStream(ABC):
    """A stream that works in whole chunks of hops, whatever the size of the blocks it is fed.

    So the result does not depend on the blocks, to the bit. What comes out is aligned with what went in: the
    first sample out belongs to the first sample in, and comes `latency` samples later.

    Parameters
    ----------
    hop : int
        Samples in a hop.
    latency : int
        Algorithmic latency of one hop at a time, in samples.
    chunk_hops : int
        Hops executed at a time.

    Attributes
    ----------
    latency : int
        Algorithmic latency in samples; blocks add their own.

    Raises
    ------
    ConfigError
        If ``chunk_hops`` is not positive.
    """

    _pending: np.ndarray
    _to_drop: int
    _owed: int

    def __init__(self, hop: int, latency: int, chunk_hops: int = 1) -> None:
        if chunk_hops < 1:
            raise ConfigError(f"chunk_hops must be at least 1, got {chunk_hops}")
        self.latency = latency + (chunk_hops - 1) * hop
        self._chunk, self._before = chunk_hops * hop, latency - hop
        self._rewind()

    def reset(self) -> None:
        """Forget the signal, keep the speaker."""
        self._rewind()
        self._forget()

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take the next samples ``[n]``, give those that are ready.

        Raises
        ------
        AudioError
            If the block is not one channel of finite samples.
        """
        if len(block) == 0:
            return np.zeros(0, dtype=np.float32)
        block = check(block, "stream block")
        self._owed += len(block)
        return self._run(block)

    def flush(self) -> np.ndarray:
        """Give what is still inside and start anew: as many samples have come out as went in."""
        out = []
        while self._owed > 0:
            out.append(self._run(np.zeros(self._chunk - len(self._pending), dtype=np.float32)))
        self.reset()
        return np.concatenate(out) if out else np.zeros(0, dtype=np.float32)

    def forget_signal(self) -> None:
        """Go on as if silence had come so far: what is owed stays owed, and comes from the state of a start."""
        self._forget()

    def take_over(self, other: HopStream) -> None:
        """Start anew, owing what another stream of the same hop and latency owes."""
        self._forget()
        self._pending = other._pending.copy()
        self._to_drop, self._owed = other._to_drop, other._owed

    def save(self) -> dict[str, Any]:
        """Copy all that the next samples depend on, but for model and speaker: name -> array, number or text."""
        own = {"pending": self._pending.copy(), "to_drop": self._to_drop, "owed": self._owed}
        return {"signature": self._signature(), **own, **self._save()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave, of this stream or of another one of the same model.

        Raises
        ------
        BundleError
            If it was saved by a stream of another model.
        """
        unlike = sorted(set(self._signature()) ^ set(saved.get("signature", [])))
        if unlike:
            raise BundleError(f"this state was saved by a stream of another model ({', '.join(unlike[:3])})")
        self._pending = saved["pending"].copy()
        self._to_drop, self._owed = saved["to_drop"], saved["owed"]
        self._restore(saved)

    def _rewind(self) -> None:
        self._pending = np.zeros(0, dtype=np.float32)
        self._to_drop = self._before  # what comes before the first sample
        self._owed = 0  # samples that went in and have not come out

    def _run(self, samples: np.ndarray) -> np.ndarray:
        """Execute all whole chunks of what is pending."""
        self._pending = np.concatenate([self._pending, samples])
        whole = len(self._pending) // self._chunk * self._chunk
        ready, self._pending = self._pending[:whole], self._pending[whole:]
        parts = [self._execute(ready[i : i + self._chunk]) for i in range(0, whole, self._chunk)]
        out = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
        dropped = min(self._to_drop, len(out))
        self._to_drop -= dropped
        out = out[dropped:][: self._owed]
        self._owed -= len(out)
        return out

    @abstractmethod
    def _execute(self, chunk: np.ndarray) -> np.ndarray:
        """Enhance a chunk ``[n]``; gives a new array as long."""

    @abstractmethod
    def _forget(self) -> None:
        """Put the state back to what a stream starts from."""

    @abstractmethod
    def _signature(self) -> list[str]:
        """Say what states of this model are made of, a line each: streams alike in it can restore each other's."""

    @abstractmethod
    def _save(self) -> dict[str, Any]:
        """Copy the state, name -> array or number."""

    @abstractmethod
    def _restore(self, saved: dict[str, Any]) -> None:
        """Set the state to what `_save` gave."""
