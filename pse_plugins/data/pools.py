"""Pools of recordings to mix: speech by speaker, and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, DataError
from .manifest import Utterance
from .recordings import Outline, Recordings, Voice, to_float

GRID = 0.5
"""Enrolment clips start on this grid and have its multiples as lengths, in seconds."""
FADE = 0.05
"""Cross-fade where a short noise is looped, in seconds."""


@dataclass(frozen=True)
class ClipRef:
    """An enrolment clip: a stretch of a recording whose silence is removed, at the encoder's rate.

    Parameters
    ----------
    utterance : str
        Which recording of the pool.
    start, length : int
        In samples at the speaker encoder's rate, both multiples of half a second, so that the cues of a
        recording are few and can be cached.
    """

    utterance: str
    start: int
    length: int


class SpeechPool:
    """Speech recordings by speaker, in memory.

    Parameters
    ----------
    utterances : sequence of Utterance
        The recordings.
    rate : int
        Rate of the mixtures in Hz.
    enrolment_rate : int or None
        Rate of the speaker encoder in Hz; None for ``rate``.
    speeds : sequence of float
        Every speaker is there once for each speed. ``"84@0.9"`` is speaker 84 played at 0.9 times the
        speed, resampled: lower, slower, another voice.
    formants : sequence of float
        And for each speed once for each of these: ``"84@0.9~1.1"`` has resonances that are 1.1 times as high, as of a
        shorter vocal tract.
    preload : bool
        Decode everything now rather than when first wanted.
    max_bytes : int or None
        Memory to stay below; recordings beyond it are read from disk window by window.

    Raises
    ------
    DataError
        If there are no recordings.
    ConfigError
        If a rate, a speed or a factor is out of range.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        rate: int = 16000,
        *,
        enrolment_rate: int | None = None,
        speeds: Sequence[float] = (1.0,),
        formants: Sequence[float] = (1.0,),
        preload: bool = False,
        max_bytes: int | None = None,
    ) -> None:
        if not utterances:
            raise DataError("the manifest lists no speech; check the data folder and prepare it again")
        self.rate, self.enrolment_rate = _rate(rate), _rate(enrolment_rate or rate)
        voices = _changes({"speeds": speeds}, {"formants": formants})
        sources = {voice.name(u.id): (u, voice) for voice in voices for u in utterances}
        self._speakers: dict[str, list[str]] = {}
        self._base: dict[str, str] = {}
        for id, (u, voice) in sources.items():
            self._speakers.setdefault(voice.name(u.speaker), []).append(id)
            self._base[voice.name(u.speaker)] = u.speaker
        self._recordings = Recordings(sources, self.rate, self.enrolment_rate, max_bytes)
        if preload:
            self._recordings.preload()

    @property
    def speakers(self) -> list[str]:
        """All voices, those that are made of others included."""
        return list(self._speakers)

    @property
    def nbytes(self) -> int:
        """Memory held by recordings, in bytes."""
        return self._recordings.nbytes

    def utterances(self, speaker: str) -> list[str]:
        """List the recordings of a voice."""
        return self._speakers[speaker]

    def knows(self, id: str) -> bool:
        """Whether a recording is in the pool."""
        return id in self._recordings.sources

    def speaker(self, id: str) -> str:
        """Say whose recording it is."""
        utterance, voice = self._recordings.sources[id]
        return voice.name(utterance.speaker)

    def person(self, speaker: str) -> str:
        """Say which speaker of the corpus a voice is made from."""
        return self._base[speaker]

    def source(self, id: str) -> Utterance:
        """Give the file behind a recording."""
        return self._recordings.sources[id][0]

    def outline(self, id: str) -> Outline:
        """Give size and silence of a recording, decoded if it was not yet.

        Raises
        ------
        AudioError
            If its file cannot be read.
        """
        return self._recordings.outline(id)

    def segment(self, id: str, start: int, length: int) -> np.ndarray:
        """Cut ``length`` samples from ``start`` out of a recording; float32 ``[length]`` at `rate`."""
        return to_float(self._recordings.cut(id, start, start + length))

    def clip(self, ref: ClipRef) -> np.ndarray:
        """Cut an enrolment clip; float32 ``[ref.length]`` at `enrolment_rate`, silence removed."""
        pieces = self.outline(ref.utterance).voice_kept.pieces(ref.start, ref.length)
        first = pieces[0][0]
        window = self._recordings.cut(ref.utterance, first, pieces[-1][1], voice=True)
        return to_float(np.concatenate([window[a - first : b - first] for a, b in pieces]))

    def clip_grid(self, utterance: str, length: int) -> list[ClipRef]:
        """List the clips of ``length`` samples (at `enrolment_rate`) that a recording has on the 0.5 s grid."""
        return [ClipRef(utterance, start, length) for start in self.clip_starts(utterance, length)]

    def clip_starts(self, utterance: str, length: int) -> range:
        """Give the starts of those clips, without making a list of them."""
        last = self.outline(utterance).voice_kept.length - length
        return range(0, last + 1, round(GRID * self.enrolment_rate))

    def extent(self, ref: ClipRef) -> tuple[int, int]:
        """Give the part of the recording that a clip came from, in samples at `rate`: first, and after the last.

        At another encoder rate the resampling filter's reach, 20 ms, is counted in on both sides.
        """
        first, last = self.outline(ref.utterance).voice_kept.extent(ref.start, ref.length)
        if self.enrolment_rate == self.rate:
            return first, last
        ratio, reach = self.rate / self.enrolment_rate, round(0.02 * self.rate)
        return int(first * ratio) - reach, int(np.ceil(last * ratio)) + reach


class NoisePool:
    """Noise recordings in memory, each of which never ends.

    Parameters
    ----------
    clips : sequence of Utterance
        The recordings.
    rate : int
        Rate of the mixtures in Hz.
    speeds : sequence of float
        Every noise is there once for each speed; resampled, so that at 0.8 it is slower and lower.
    envelopes : sequence of float
        And for each speed once for each of these: its spectral envelope is moved so, as a voice's is.
    preload : bool
        Decode everything now rather than when first wanted.
    max_bytes : int or None
        Memory to stay below; recordings beyond it are read from disk window by window.

    Raises
    ------
    DataError
        If there are no recordings.
    ConfigError
        If a rate or a speed is out of range.
    """

    def __init__(
        self,
        clips: Sequence[Utterance],
        rate: int = 16000,
        *,
        speeds: Sequence[float] = (1.0,),
        envelopes: Sequence[float] = (1.0,),
        preload: bool = False,
        max_bytes: int | None = None,
    ) -> None:
        if not clips:
            raise DataError("the manifest lists no noise; check the noise folder, folds and subfolders")
        self.rate = _rate(rate)
        changes = _changes({"noise_speeds": speeds}, {"noise_envelopes": envelopes})
        sources = {change.name(u.id): (u, change) for change in changes for u in clips}
        self._clips = {id: u for id, (u, _) in sources.items()}
        self.ids = list(self._clips)
        self._recordings = Recordings(sources, rate, rate, max_bytes)
        if preload:
            self._recordings.preload()

    @property
    def nbytes(self) -> int:
        """Memory held by recordings, in bytes."""
        return self._recordings.nbytes

    def source(self, id: str) -> Utterance:
        """Give the file behind a noise."""
        return self._clips[id]

    def period(self, id: str, length: int) -> int:
        """How many different starts there are for a segment of ``length`` samples."""
        size = self._recordings.outline(id).size
        return size - length + 1 if size >= length else size - self._fade(size)

    def segment(self, id: str, start: int, length: int) -> np.ndarray:
        """Cut a segment; float32 ``[length]``. A shorter noise is looped with a cross-fade, never padded."""
        size = self._recordings.outline(id).size
        if size >= length:
            return to_float(self._recordings.cut(id, start, start + length))
        loop = _loop(to_float(self._recordings.cut(id, 0, size)), self._fade(size))
        return np.take(loop, np.arange(start, start + length), mode="wrap")

    def _fade(self, size: int) -> int:
        """Length of the cross-fade in samples: 50 ms, or half of a very short noise."""
        return min(round(FADE * self.rate), size // 2)


def _loop(samples: np.ndarray, fade: int) -> np.ndarray:
    """Fold the end of a noise over its beginning, at equal power, so that it can follow itself."""
    loop = samples[: samples.size - fade].copy()
    rise = np.sqrt(np.arange(fade, dtype=np.float32) / max(fade, 1))
    loop[:fade] = loop[:fade] * rise + samples[samples.size - fade :] * np.sqrt(1 - rise**2)
    return loop


def _changes(speeds: Mapping[str, Sequence[float]], moves: Mapping[str, Sequence[float]]) -> list[Voice]:
    """List what a recording is changed to, of one option and of another: each of the moves at each of the speeds."""
    return [Voice(speed, move) for speed in _factors(speeds, 0.25, 4) for move in _factors(moves, 0.5, 2)]


def _factors(option: Mapping[str, Sequence[float]], low: float, high: float) -> Sequence[float]:
    """Check an option of factors that are 1 for a recording as it is."""
    ((name, factors),) = option.items()
    if not factors or any(not low <= f <= high for f in factors):
        raise ConfigError(
            f"{name} {list(factors)} must be factors from {low:g} to {high:g}, such as [0.9, 1.0, 1.1]"
        )
    return [float(f) for f in factors]


def _rate(rate: int) -> int:
    """Check a sample rate in Hz."""
    if not 2000 <= rate <= 192000:
        raise ConfigError(f"a rate of {rate} Hz is out of range; use 2000 to 192000 Hz, such as 16000")
    return rate
