"""Enrol whoever speaks first on the live input, then keep them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .collecting import SpeechCollector
from .errors import PseError
from .hops import HopStream
from .say import remark
from .switching import PassingStream, SwitchingStream

FADE, WARM_UP = 0.05, 0.3
"""Seconds of a cross-fade, and of what a new stream hears before it is heard."""

_TIME = 1.0  # seconds of the signal from the last sample that is listened to until the result is needed
_LOOK = 0.1  # seconds between two looks at how much speech there was


@dataclass
class _Found:
    """What became of an enrolment in a thread of its own."""

    stream: HopStream | None = None
    error: Exception | None = None


class EnrollingStream:
    """Lets the input pass until it has held enough speech, makes a profile of that, and fades over to its stream.

    The profile is made beside the signal, which has a second to go on; so the change comes at the same sample
    however fast the machine is, and only a slower one has to wait.

    Parameters
    ----------
    enrol : callable
        Makes a profile of a clip ``[S]``; a `PseError` says that it will not do.
    make : callable
        Starts the stream for a profile.
    rate, hop, latency : int
        The model's: Hz, samples, samples.
    seconds : float
        Speech that is needed, pauses not counted.
    mute : bool
        Give silence until then.
    done : callable
        Told the profile, in the thread that feeds.
    """

    def __init__(
        self,
        enrol: Callable[[np.ndarray], Any],
        make: Callable[[Any], HopStream],
        rate: int,
        hop: int,
        latency: int,
        seconds: float,
        mute: bool = False,
        done: Callable[[Any], None] = lambda profile: None,
    ) -> None:
        self._enrol, self._make, self._done = enrol, make, done
        self._rate, self._seconds = rate, seconds
        passing = PassingStream(hop, latency, mute)
        self._inner: SwitchingStream[Any] = SwitchingStream(
            lambda profile: passing if profile is None else self._ready(),
            None,
            round(FADE * rate),
            round(WARM_UP * rate),
        )
        self._heard = SpeechCollector(rate)
        self._listening, self._taken, self._next_look, self._said = True, 0, 0, 0
        self._thread: threading.Thread | None = None
        self._found, self._due = _Found(), 0
        self._profile: Any = None
        until = "there is silence" if mute else "the input passes unchanged"
        remark(f"enrolling: speak for {seconds:g} s; until then {until}")

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        if self._listening:
            self._listen(block)
        self._taken += len(block)
        out = self._inner.feed(block)
        if self._thread is not None and self._taken >= self._due:
            self._finish()
        return out

    def flush(self) -> np.ndarray:
        """Give the rest."""
        if self._thread is not None:
            self._finish()
        if self._profile is None:
            remark(f"the input ended with {self._heard.seconds:.1f} of {self._seconds:g} s of speech")
        return self._inner.flush()

    def forget_signal(self) -> None:
        """Go on as if silence had come so far; who is being enrolled still is."""
        self._inner.forget_signal()

    def _listen(self, block: np.ndarray) -> None:
        """Hear a block, and start to enrol if that is enough."""
        self._heard.add(block)
        if self._taken < self._next_look:
            return
        self._next_look = self._taken + round(_LOOK * self._rate)
        speech = self._heard.seconds
        if speech >= self._seconds:
            self._listening, self._due = False, self._taken + len(block) + round(_TIME * self._rate)
            self._found = _Found()
            self._thread = threading.Thread(target=self._work, args=(self._heard.clip(),), daemon=True)
            self._thread.start()
        elif int(speech) > self._said:
            self._said = int(speech)
            remark(f"enrolling: {self._said} of {self._seconds:g} s of speech")

    def _work(self, clip: np.ndarray) -> None:
        """Make the profile and its stream, beside the signal."""
        try:
            self._profile = self._enrol(clip)
            self._found.stream = self._make(self._profile)
        except Exception as error:  # said, or raised, where the stream is fed
            self._found.error = error

    def _finish(self) -> None:
        """Change over to the new stream; listen again if there is none."""
        assert self._thread is not None
        self._thread.join()
        self._thread = None
        if self._found.error is not None:
            if not isinstance(self._found.error, PseError):
                raise self._found.error
            remark(f"not enrolled: {self._found.error}; still listening")
            self._heard.clear()
            self._listening, self._said, self._profile = True, 0, None
            return
        for note in self._profile.notes:
            remark(note.removeprefix("clip 1: "))
        remark(f"enrolled after {self._taken / self._rate:.1f} s; that voice is kept from now on")
        self._done(self._profile)
        self._inner.switch(self._profile)

    def _ready(self) -> HopStream:
        assert self._found.stream is not None
        return self._found.stream
