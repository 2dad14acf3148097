"""Other enrolments of the same speaker: fewer, shorter, from another microphone or room, or five made of one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import soxr
from scipy.signal import lfilter

from ..data import Mixture
from ..data.augment import EnrolmentAugmentation
from ..data.rooms import reverberate
from ..data.telephone import telephone
from ..errors import ConfigError, DataError, nearest

PREFIX = "enrolment: "
"""What the name of such a row begins with."""

Change = Callable[[Sequence[np.ndarray], int, np.random.Generator], list[np.ndarray]]
"""Of clips float32 ``[S]`` and their rate in Hz, makes others."""

_REVERBERATION, _DIRECT = 0.4, 0.6
_PIECE = 0.2


def _each(change: Callable[[np.ndarray, int, np.random.Generator], np.ndarray]) -> Change:
    """Change every clip alone, and keep its peak below full scale."""

    def changed(clips: Sequence[np.ndarray], rate: int, rng: np.random.Generator) -> list[np.ndarray]:
        made = [np.asarray(change(clip, rate, rng), np.float32) for clip in clips]
        return [clip / np.float32(max(1.0, float(np.abs(clip).max(initial=0.0)))) for clip in made]

    return changed


def _tilted(clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(lfilter([1.0, 0.7 * rng.choice([-1.0, 1.0])], [1.0], clip))


def _telephone(clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return telephone(clip, rate)


def _room(clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return reverberate(clip, rate, _REVERBERATION, _DIRECT, rng.standard_normal(round(_REVERBERATION * rate)))


def _noisy(clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return EnrolmentAugmentation(snr=(10.0, 10.0))(clip, rate, rng)


def _shuffled(clip: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    pieces = np.array_split(clip, max(1, round(clip.size / (_PIECE * rate))))
    return np.concatenate([pieces[i] for i in rng.permutation(len(pieces))])


def _faster(clip: np.ndarray, rate: int, speed: float) -> np.ndarray:
    return np.asarray(soxr.resample(clip, rate * speed, rate), np.float32)


def _five_of_one(clips: Sequence[np.ndarray], rate: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Make four more of the first clip: slower and lower, faster and higher, quieter with another tilt, in a room."""
    clip = clips[0]
    quiet = EnrolmentAugmentation(level_db=(-35.0, -35.0), tilt=0.5)
    return [
        clip,
        _faster(clip, rate, 0.95),
        _faster(clip, rate, 1.05),
        quiet(clip, rate, rng),
        *_each(_room)([clip], rate, rng),
    ]


CHANGES: dict[str, Change] = {
    "tilted": _each(_tilted),
    "telephone": _each(_telephone),
    "room": _each(_room),
    "noisy": _each(_noisy),
    "shuffled": _each(_shuffled),
    "five of one": _five_of_one,
}
"""Name -> what is done to the clips.

Another tilt; a telephone; a room; white noise 10 dB below the voice; pieces of 0.2 s in another order; one clip, and
four that are made of it. ``"2 clips"`` and ``"1.5 s"`` are changes, too: fewer, shorter.
"""

_COUNT, _SECONDS = re.compile(r"(\d) clips?"), re.compile(r"(\d+(?:\.\d+)?) s")


def change_named(name: str) -> Change:
    """Find a change by its name.

    Parameters
    ----------
    name : str
        One of `CHANGES`, ``"N clips"`` (the first ones) or ``"X s"`` (the beginning of each).

    Raises
    ------
    ConfigError
        If there is none of the name.

    The change raises a `DataError` where clips are fewer or shorter than it says.
    """
    count, seconds = _COUNT.fullmatch(name), _SECONDS.fullmatch(name)
    if count and int(count[1]):
        return partial(_first, int(count[1]))
    if seconds and float(seconds[1]):
        return partial(_beginnings, float(seconds[1]))
    if name not in CHANGES:
        known = ", ".join([*CHANGES, "1 to 9 clips ('2 clips')", "seconds ('1.5 s')"])
        near = f"; did you mean '{name} clips' or '{name} s'?" if name.isdecimal() else nearest(name, CHANGES)
        raise ConfigError(f"no enrolment {name!r}{near}; there are: {known}")
    return CHANGES[name]


def amount(name: str) -> tuple[float, str] | None:
    """Read a change that says how much enrols; None for others.

    Examples
    --------
    >>> amount("2 clips"), amount("1 clip"), amount("1.5 s"), amount("room")
    ((2.0, 'clips'), (1.0, 'clips'), (1.5, 's'), None)
    """
    for pattern, unit in ((_COUNT, "clips"), (_SECONDS, "s")):
        if found := pattern.fullmatch(name):
            return float(found[1]), unit
    return None


def _first(count: int, clips: Sequence[np.ndarray], rate: int, rng: np.random.Generator) -> list[np.ndarray]:
    if len(clips) < count:
        raise DataError(
            f"the list has items with {len(clips)} enrolment clips, not {count}; write one with more"
        )
    return list(clips[:count])


def _beginnings(
    seconds: float, clips: Sequence[np.ndarray], rate: int, rng: np.random.Generator
) -> list[np.ndarray]:
    size, shortest = round(seconds * rate), min(clip.size for clip in clips)
    if shortest < size:
        raise DataError(
            f"the list has enrolment clips of {shortest / rate:g} s, not {seconds:g} s; name less"
        )
    return [clip[:size] for clip in clips]


def enrolled(item: Mixture, name: str, rate: int) -> list[np.ndarray]:
    """Change an item's enrolment; the same every time.

    Parameters
    ----------
    item : Mixture
    name : str
        As in `change_named`.
    rate : int
        Of the clips, in Hz.

    Returns
    -------
    list of ndarray
        float32 ``[S]`` each.
    """
    rng = np.random.default_rng(zlib.crc32(f"{item.id} {name}".encode()))
    return change_named(name)(item.enrolment, rate, rng)
