"""Recordings in memory: 16-bit samples, decoded when first wanted; beyond a cap, windows are read from disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from pse_runtime import audio

from .activity import voiced_spans
from .formants import move_formants
from .manifest import Utterance
from .silence import SilenceMap

_SEEKABLE = (".wav", ".flac")  # formats in which a window is found to the sample


@dataclass(frozen=True)
class Voice:
    """How a recording is changed, so that it is somebody else's.

    Parameters
    ----------
    speed : float
        Faster by a factor is higher by it as well.
    formants : float
        Resonances of speech are higher by it; pitch and speed are left.
    """

    speed: float = 1.0
    formants: float = 1.0

    def name(self, of: str) -> str:
        """Name a recording or a speaker that is changed so.

        Examples
        --------
        >>> Voice().name("84"), Voice(0.9).name("84"), Voice(0.9, 1.1).name("84")
        ('84', '84@0.9', '84@0.9~1.1')
        """
        moved = f"~{self.formants:g}" if self.formants != 1 else ""
        return of + (f"@{self.speed:g}" if self.speed != 1 else "") + moved


AS_IT_IS = Voice()


@dataclass(frozen=True)
class Outline:
    """What is known of a recording without its samples.

    Parameters
    ----------
    size : int
        Its samples at the rate of the mixtures.
    kept, voice_kept : SilenceMap
        What of it is left without silence, at that rate and at the speaker encoder's.
    """

    size: int
    kept: SilenceMap
    voice_kept: SilenceMap


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Keep float samples ``[S]`` as 16 bits, clipped at full scale; 16-bit files come out as they were."""
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)


def to_float(pcm: np.ndarray) -> np.ndarray:
    """Give 16-bit samples ``[S]`` as float32 in [-1, 1)."""
    return np.multiply(pcm, np.float32(1 / 32768), dtype=np.float32)


class Recordings:
    """Recordings by id, at the rate of the mixtures and at the speaker encoder's.

    They are kept as they are first used, until the memory's cap is reached; of the others only the outline is
    kept, and windows are read from disk. Copies sent to other processes start empty; forked ones share what was
    loaded before.

    Parameters
    ----------
    sources : mapping
        Id -> file, and how it is changed.
    rate, voice_rate : int
        Of mixtures and of the speaker encoder, in Hz.
    max_bytes : int or None
        Memory to stay below; None keeps all.
    """

    def __init__(
        self,
        sources: Mapping[str, tuple[Utterance, Voice]],
        rate: int,
        voice_rate: int,
        max_bytes: int | None = None,
    ) -> None:
        self.sources, self._rates, self._max_bytes = sources, (rate, voice_rate), max_bytes
        self._outlines: dict[str, Outline] = {}
        self._samples: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.nbytes = 0

    def outline(self, id: str) -> Outline:
        """Give size and silence of a recording, which is decoded the first time.

        Raises
        ------
        AudioError
            If its file is missing, unreadable, empty or not finite.
        """
        if id not in self._outlines:
            self._keep(id, *self._decode(id))
        return self._outlines[id]

    def cut(self, id: str, first: int, last: int, voice: bool = False) -> np.ndarray:
        """Cut samples from ``first`` up to ``last``, int16, at the rate of mixtures or, of a voice, the encoder's."""
        held = self._samples.get(id)
        if held is None:
            utterance, changed = self.sources[id]
            plain = changed == AS_IT_IS and utterance.rate == self._rates[voice]
            if id in self._outlines and plain and utterance.path.suffix.lower() in _SEEKABLE:
                return to_int16(audio.read(utterance.path, None, first, last - first)[0])
            outline, held = self._decode(id)
            self._keep(id, outline, held)
        return held[voice][first:last]

    def preload(self) -> None:
        """Decode everything on all cores."""
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for id, (outline, samples) in zip(self.sources, threads.map(self._decode, self.sources)):
                self._keep(id, outline, samples)

    def _keep(self, id: str, outline: Outline, samples: tuple[np.ndarray, np.ndarray]) -> None:
        """Remember the outline, and the samples if they fit in."""
        self._outlines[id] = outline
        size = samples[0].nbytes + (0 if samples[0] is samples[1] else samples[1].nbytes)
        if self._max_bytes is None or self.nbytes + size <= self._max_bytes:
            self._samples[id] = samples
            self.nbytes += size

    def _decode(self, id: str) -> tuple[Outline, tuple[np.ndarray, np.ndarray]]:
        """Read a recording from disk, at both rates."""
        (utterance, changed), (rate, voice_rate) = self.sources[id], self._rates
        samples, own = audio.read(utterance.path)
        played = round(own * changed.speed)
        if changed.formants != 1:
            samples = move_formants(samples, changed.formants, played)
        mixed = audio.resample(samples, played, rate)
        kept, pcm = SilenceMap(voiced_spans(mixed, rate)), to_int16(mixed)
        if voice_rate == rate:
            return Outline(pcm.size, kept, kept), (pcm, pcm)
        voice = to_int16(audio.resample(samples, played, voice_rate))
        return Outline(pcm.size, kept, kept.scaled(voice_rate / rate, voice.size)), (pcm, voice)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": {}, "nbytes": 0}
