"""Checks of recognisers."""

from __future__ import annotations

import re

import numpy as np

from ..array_rigs import RecogniserRig, speech_like
from ..verdict import demand

_WORDS = re.compile(r"(\S+( \S+)*)?")


def gives_words(rig: RecogniserRig) -> None:
    """Sound at 8, 16 and 44.1 kHz gives words in upper case with one space between, or no words."""
    recogniser = rig.build()
    for rate in (8000, 16000, 44100):
        words = recogniser(speech_like(rate), rate)
        demand(isinstance(words, str), f"a {type(words).__name__} comes out at {rate} Hz, not text")
        demand(words == words.upper(), f"{words!r} is not in upper case")
        demand(_WORDS.fullmatch(words), f"{words!r} is not words with one space between")


def survives_little(rig: RecogniserRig) -> None:
    """Silence, a hundredth of a second and no sample at all give text, without an error."""
    recogniser = rig.build()
    for name, samples in (("silence", 16000), ("10 ms", 160), ("no sample", 0)):
        words = recogniser(np.zeros(samples, np.float32), 16000)
        demand(isinstance(words, str), f"a {type(words).__name__} comes out for {name}, not text")


def waveform_untouched(rig: RecogniserRig) -> None:
    """The waveform is left as it was."""
    given = speech_like(16000)
    before = given.copy()
    rig.build()(given, 16000)
    demand(np.array_equal(given, before), "the waveform is written to")


def forgets(rig: RecogniserRig) -> None:
    """What is said of a waveform does not depend on those that were heard before."""
    recogniser, one, other = rig.build(), speech_like(16000), speech_like(16000, pitch=210.0, seconds=1.2)
    first = recogniser(one, 16000)
    recogniser(other, 16000)
    again = recogniser(one, 16000)
    demand(again == first, f"the same waveform is {first!r} first, and {again!r} after another")
