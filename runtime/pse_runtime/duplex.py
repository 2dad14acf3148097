"""Between the callback of a sound device and the thread that works: bounded, and always as late."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from .resampling import BlockProcessor

_BACKLOG = 0.25  # seconds of input that may wait for the thread


class Duplex:
    """Gives a device the result of what it brought, a constant number of samples later.

    What is not ready when the device asks is replaced by silence, and thrown away when it comes: so the wait is the
    same after a stall as before it.

    Parameters
    ----------
    stream : BlockProcessor
        What samples go through, at the device's rate.
    rate : int
        In Hz.
    wait : int
        Samples between in and out: at least what the stream holds back.
    keep : callable
        Is given all that comes out of the stream, ``[n]``, in the thread.

    Attributes
    ----------
    overflows, underflows : int
        How often input was lost, and output was not ready.
    dropped : int
        Samples that were thrown away, in or out, since their time had passed.
    callbacks : int
        How often the device has called.
    error : Exception or None
        What ended the thread.
    """

    def __init__(
        self,
        stream: BlockProcessor,
        rate: int,
        wait: int,
        keep: Callable[[np.ndarray], None] = lambda out: None,
    ) -> None:
        self._stream, self._keep = stream, keep
        self._most = round(_BACKLOG * rate)
        self._there = threading.Condition()
        self._incoming: deque[np.ndarray] = deque()
        self._outgoing: deque[np.ndarray] = deque([np.zeros(wait, np.float32)])
        self._late = 0  # samples that silence was given for and that have not come yet
        self._ended = False
        self.overflows = self.underflows = self.dropped = self.callbacks = 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="pse-live", daemon=True)

    def start(self) -> None:
        """Let the thread work."""
        self._thread.start()

    def callback(self, came: np.ndarray, out: np.ndarray, frames: int, time: Any, status: Any) -> None:
        """Take ``[n, C]`` and fill ``[n, C']``, as `sounddevice.Stream` asks for it."""
        with self._there:
            self.callbacks += 1
            self.overflows += bool(status.input_overflow)
            missing = self._fill(out)
            self.underflows += bool(status.output_underflow) or missing > 0
            self._late += missing
            self._incoming.append(came.mean(axis=1, dtype=np.float32))
            self._shorten()
            self._there.notify()

    @property
    def waiting(self) -> int:
        """Samples that are ready to go out."""
        with self._there:
            return sum(map(len, self._outgoing)) - self._late

    def stop(self) -> None:
        """Finish what has come in, and end the thread."""
        with self._there:
            self._ended = True
            self._there.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _fill(self, out: np.ndarray) -> int:
        """Fill ``[n, C]`` with what is ready, the same in each channel; gives how many samples are missing."""
        place = 0
        while place < len(out) and self._outgoing:
            part = self._outgoing.popleft()
            taken = part[: len(out) - place]
            out[place : place + len(taken)] = taken[:, None]
            place += len(taken)
            if len(taken) < len(part):
                self._outgoing.appendleft(part[len(taken) :])
        out[place:] = 0
        return len(out) - place

    def _shorten(self) -> None:
        """Drop the oldest input where too much of it waits: what came of it would be late anyway."""
        waiting = sum(map(len, self._incoming))
        if waiting > self._most:
            self.overflows += 1
        while waiting > self._most and len(self._incoming) > 1:
            gone = len(self._incoming.popleft())
            waiting, self._late, self.dropped = waiting - gone, self._late - gone, self.dropped + gone

    def _work(self) -> None:
        try:
            while (block := self._next()) is not None:
                self._put(self._stream.feed(block))
            self._keep(self._stream.flush())
        except Exception as error:  # raised again where the device is watched
            self.error = error

    def _next(self) -> np.ndarray | None:
        """Wait for a block; None when there will be no more."""
        with self._there:
            while not self._incoming and not self._ended:
                self._there.wait()
            return self._incoming.popleft() if self._incoming else None

    def _put(self, ready: np.ndarray) -> None:
        """Queue what is ready, less what is too late."""
        self._keep(ready)
        with self._there:
            gone = max(0, min(self._late, len(ready)))
            self._late, self.dropped = self._late - gone, self.dropped + gone
            if gone < len(ready):
                self._outgoing.append(ready[gone:])
