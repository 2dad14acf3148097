"""From one speaker to another while the sound goes on, without a click; and what runs before anybody is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from .hops import HopStream

Who = TypeVar("Who")


class SwitchingStream(Generic[Who]):
    """Runs a stream for one speaker, and changes to that of another by a cross-fade.

    The new stream starts from nothing, and is heard only once it has heard something itself. It does not go on from
    the old one's state: networks remember in it whose voice was which, and keep the wrong one for seconds.

    Parameters
    ----------
    make : callable
        Gives the stream for somebody; it may give the same one again, but not while it runs.
    who : object
        Who is kept first.
    fade : int
        Samples that a cross-fade takes.
    warm_up : int
        Samples that the new stream runs before it is heard.
    """

    def __init__(self, make: Callable[[Who], HopStream], who: Who, fade: int, warm_up: int) -> None:
        self._make, self._fade, self._warm_up = make, max(1, fade), warm_up
        self._who, self._now = who, make(who)
        self._next: HopStream | None = None
        self._age = 0  # samples of the new stream since it began, less those of its warm-up
        self._wanted: list[Who] = []

    @property
    def who(self) -> Who:
        """Who is kept, or will be when the change is over."""
        return self._wanted[0] if self._wanted else self._who

    @property
    def changing(self) -> bool:
        """Whether two streams run, or will."""
        return self._next is not None or bool(self._wanted)

    def switch(self, who: Who) -> None:
        """Change to somebody, with the next block; after a change that is still going on, if there is one."""
        self._wanted = [] if who is self._who else [who]

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        if self._wanted and self._next is None:
            self._begin(self._wanted.pop())
        out = self._now.feed(block)
        return out if self._next is None else self._faded(out, self._next.feed(block))

    def flush(self) -> np.ndarray:
        """Give the rest, and start anew."""
        out = self._now.flush()
        return out if self._next is None else self._faded(out, self._next.flush())

    def forget_signal(self) -> None:
        """Go on as if silence had come so far."""
        for stream in (self._now, self._next):
            if stream is not None:
                stream.forget_signal()

    def _begin(self, who: Who) -> None:
        """Start the stream of somebody else, in time with the old one."""
        self._next, self._who, self._age = self._make(who), who, -self._warm_up
        self._next.take_over(self._now)

    def _faded(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Give less and less of the old, and end the change when none is left."""
        share = np.clip((self._age + 1 + np.arange(len(new))) / self._fade, 0, 1).astype(np.float32)
        self._age += len(new)
        if self._age >= self._fade and self._next is not None:
            self._now, self._next = self._next, None
        return np.where(share < 1, (1 - share) * old + share * new, new)


class PassingStream(HopStream):
    """Gives its input, unchanged or muted, as late as a model's stream would give its result.

    Parameters
    ----------
    hop, latency : int
        Of the model, in samples.
    mute : bool
        Give silence.
    """

    def __init__(self, hop: int, latency: int, mute: bool = False) -> None:
        super().__init__(hop, latency)
        self._mute, self._delayed = mute, np.zeros(self._before, np.float32)

    def _execute(self, chunk: np.ndarray) -> np.ndarray:
        joined = np.concatenate([self._delayed, chunk])
        out, self._delayed = joined[: len(chunk)], joined[len(chunk) :]
        return np.zeros_like(out) if self._mute else out.copy()

    def _forget(self) -> None:
        self._delayed = np.zeros(self._before, np.float32)

    def _signature(self) -> list[str]:
        return [f"passing [{self._before}]"]

    def _save(self) -> dict[str, Any]:
        return {"passing": self._delayed.copy()}

    def _restore(self, saved: dict[str, Any]) -> None:
        self._delayed = saved["passing"].copy()
