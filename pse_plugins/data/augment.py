"""Changes to enrolment clips in training, so that a model does not rely on studio quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from ..errors import ConfigError
from .activity import active_rms
from .law import check_limit, check_range
from .mixing import DIRECT, add_noise, draw_colour
from .rooms import reverberate
from .telephone import telephone


@dataclass(frozen=True)
class EnrolmentAugmentation:
    """Length, room, tilt, noise, telephone and level of enrolment clips, each drawn anew for each clip.

    Parameters
    ----------
    share : float
        Of the clips that are changed; others stay as recorded.
    seconds : pair of float or None
        Range of lengths that a clip is cut to, anywhere in it, where it is longer.
    rooms : float
        Share of the changed that are heard in a room.
    reverberation : pair of float
        Range of the rooms' reverberation times in seconds.
    tilt : float or None
        Largest coefficient, up to 0.9, of a first-order filter that makes the clip brighter or duller.
    snr : pair of float or None
        Range in dB of steady noise below the active voice.
    rumble : bool
        Whether that noise has a colour between white and a rumble; it is white otherwise.
    telephone : float
        Share of the changed that come by telephone.
    level_db : pair of float or None
        Range of the RMS level of the active voice in dB below full scale.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    share: float = 1.0
    seconds: Sequence[float] | None = None
    rooms: float = 0.0
    reverberation: Sequence[float] = (0.2, 0.7)
    tilt: float | None = None
    snr: Sequence[float] | None = None
    rumble: bool = False
    telephone: float = 0.0
    level_db: Sequence[float] | None = None

    def __post_init__(self) -> None:
        for name in ("share", "rooms", "telephone"):
            check_limit(name, getattr(self, name))
        check_range("reverberation", self.reverberation, 0.05, 5)
        for name, low, high in (("seconds", 0.5, 60), ("snr", -20, 100), ("level_db", -80, 0)):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), low, high)
        if self.tilt is not None:
            check_limit("tilt", self.tilt, 0.9)
        if not isinstance(self.rumble, bool):
            raise ConfigError(f"rumble {self.rumble!r} must be true or false")
        if self.rumble and self.snr is None:
            raise ConfigError(
                "rumble colours the noise of snr, which there is none of; give snr too: [5, 40]"
            )

    def __call__(self, clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Change a clip, float32 ``[S]`` at a rate in Hz; the original is left as it is."""
        if rng.random() >= self.share:
            return clip
        if self.seconds is not None:
            clip = _crop(clip, round(_between(self.seconds, rng) * rate), rng)
        if rng.random() < self.rooms:
            seconds = _between(self.reverberation, rng)
            clip = reverberate(clip, rate, seconds, DIRECT, rng.standard_normal(round(seconds * rate)))
        if self.tilt is not None:
            clip = np.asarray(lfilter([1.0, rng.uniform(-self.tilt, self.tilt)], [1.0], clip), np.float32)
        if self.snr is not None:
            colour = draw_colour(rng) if self.rumble else 0.0
            clip = add_noise(clip, rate, _between(self.snr, rng), colour, int(rng.integers(2**31)))
        if rng.random() < self.telephone:
            clip = telephone(clip, rate)
        if self.level_db is not None:
            level = 10 ** (_between(self.level_db, rng) / 20)
            clip = clip * np.float32(level / (active_rms(clip, rate) or 1.0))
        peak = float(np.abs(clip).max())
        return clip / np.float32(peak) if peak > 1 else clip


def _crop(clip: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(max(1, clip.size - size + 1)))
    return clip[start : start + size]


def _between(pair: Sequence[float], rng: np.random.Generator) -> float:
    return float(rng.uniform(pair[0], pair[1]))
