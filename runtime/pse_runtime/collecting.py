"""Speech out of a signal that goes on: as much as was asked for, without the pauses."""

from __future__ import annotations

import numpy as np

from .energy import energies, frame_length

_SILENCE, _RANGE, _ABOVE = -70.0, 30.0, 6.0  # dBFS; dB below the loud frames; dB above the quiet ones
_AROUND = 10  # frames of 10 ms before and after speech that are kept with it
_WINDOW = 90.0  # seconds that are remembered
_LEAST = 30  # frames before anything is taken for speech


class SpeechCollector:
    """Remembers the last minute and a half, and tells the speech in it from pauses by level.

    Speech are the 10 ms frames within 30 dB of the loud ones (95th percentile), at least 6 dB above the quiet ones
    (10th percentile) and above -70 dBFS.

    Parameters
    ----------
    rate : int
        In Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate, self._frame = rate, frame_length(rate)
        self.clear()

    def clear(self) -> None:
        """Forget all that was heard."""
        self._parts: list[np.ndarray] = []
        self._rest = np.zeros(0, np.float32)
        self._levels = np.zeros(0)

    def add(self, block: np.ndarray) -> None:
        """Hear the next samples ``[n]``."""
        self._rest = np.concatenate([self._rest, block])
        whole = len(self._rest) // self._frame * self._frame
        if whole == 0:
            return
        framed, self._rest = self._rest[:whole], self._rest[whole:]
        self._parts += list(framed.reshape(-1, self._frame))
        self._levels = np.append(self._levels, 10 * np.log10(energies(framed, self._rate) + 1e-12))
        most = round(_WINDOW * self._rate / self._frame)
        self._parts, self._levels = self._parts[-most:], self._levels[-most:]

    @property
    def seconds(self) -> float:
        """How much speech was heard."""
        return float(self._speech().sum()) * self._frame / self._rate

    def clip(self) -> np.ndarray:
        """Give the speech, with a tenth of a second around it, and no pauses: float32 ``[S]``."""
        near = np.convolve(self._speech(), np.ones(2 * _AROUND + 1), "same") > 0
        kept = [part for part, there in zip(self._parts, near) if there]
        return np.concatenate(kept) if kept else np.zeros(0, np.float32)

    def _speech(self) -> np.ndarray:
        """Tell which frames are speech, bool ``[frames]``."""
        loud = self._levels[self._levels > _SILENCE]
        if len(loud) < _LEAST:
            return np.zeros(len(self._levels), bool)
        top, floor = np.percentile(loud, 95), np.percentile(self._levels, 10)
        return self._levels > max(_SILENCE, top - _RANGE, floor + _ABOVE)
