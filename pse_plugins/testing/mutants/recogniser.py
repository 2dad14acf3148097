"""Wrong recognisers."""

from __future__ import annotations

import numpy as np

from ..references import ReferenceRecogniser
from .mutant import Ward

_ward = Ward("recogniser")
MUTANTS = _ward.mutants


@_ward.caught_by("gives-words")
class LowerCase(ReferenceRecogniser):
    """Writes in lower case, so that every word counts as wrong."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe."""
        return super().__call__(waveform, rate).lower()


@_ward.caught_by("gives-words")
class GivesList(ReferenceRecogniser):
    """Gives a list of words."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe."""
        return super().__call__(waveform, rate).split()  # type: ignore[return-value]


@_ward.caught_by("gives-words")
class KnowsOneRate(ReferenceRecogniser):
    """Refuses what is not at 16 kHz."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe."""
        if rate != 16000:
            raise ValueError("16 kHz only")
        return super().__call__(waveform, rate)


@_ward.caught_by("survives-little")
class NormalisesByPeak(ReferenceRecogniser):
    """Takes the peak of what may hold no sample."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe the waveform at full scale."""
        return super().__call__(waveform / (np.abs(waveform).max() + 1e-6), rate)


@_ward.caught_by("waveform-untouched")
class ScalesInPlace(ReferenceRecogniser):
    """Writes to the waveform."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe the waveform a little louder."""
        waveform *= 1.1
        return super().__call__(waveform, rate)


@_ward.caught_by("forgets")
class KeepsListening(ReferenceRecogniser):
    """Puts what it heard last before what it hears now."""

    def __init__(self) -> None:
        self.heard = np.zeros(0, np.float32)

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe."""
        joined = np.concatenate([self.heard, waveform])
        self.heard = waveform
        return super().__call__(joined, rate)
