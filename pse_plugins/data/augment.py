"""Changes to enrolment clips in training, so that a model does not rely on studio quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from .activity import active_rms
from .law import check_range


@dataclass(frozen=True)
class EnrolmentAugmentation:
    """Noise, level and tone of enrolment clips, each drawn anew for each clip.

    Parameters
    ----------
    snr : pair of float or None
        Range in dB of white noise below the active voice.
    level_db : pair of float or None
        Range of the RMS level of the active voice in dB below full scale.
    tilt : float or None
        Largest coefficient, up to 0.9, of a first-order filter that makes the clip brighter or duller.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    snr: Sequence[float] | None = None
    level_db: Sequence[float] | None = None
    tilt: float | None = None

    def __post_init__(self) -> None:
        if self.snr is not None:
            check_range("snr", self.snr, -20, 100)
        if self.level_db is not None:
            check_range("level_db", self.level_db, -80, 0)
        if self.tilt is not None:
            check_range("tilt", (0, self.tilt), 0, 0.9)

    def __call__(self, clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Change a clip, float32 ``[S]`` at a rate in Hz; the original is left as it is."""
        if self.tilt is not None:
            clip = np.asarray(lfilter([1.0, rng.uniform(-self.tilt, self.tilt)], [1.0], clip), np.float32)
        if self.snr is not None:
            deviation = active_rms(clip, rate) * 10 ** (-rng.uniform(self.snr[0], self.snr[1]) / 20)
            clip = clip + np.float32(deviation) * rng.standard_normal(clip.size, np.float32)
        if self.level_db is not None:
            clip = clip * np.float32(
                10 ** (rng.uniform(self.level_db[0], self.level_db[1]) / 20) / (active_rms(clip, rate) or 1.0)
            )
        peak = float(np.abs(clip).max())
        return clip / np.float32(peak) if peak > 1 else clip
