"""Recordings in memory: 16-bit samples, decoded when first wanted, the least used dropped first under a cap."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import audio
from .activity import voiced_spans
from .manifest import Utterance
from .silence import SilenceMap


@dataclass(frozen=True)
class Recording:
    """One recording as it is mixed, and as it is enrolled with.

    Parameters
    ----------
    samples : ndarray
        int16 ``[S]`` at the model's rate.
    kept : SilenceMap
        What of ``samples`` is left without silence.
    voice : ndarray
        int16 ``[S']``, the whole recording at the speaker encoder's rate.
    voice_kept : SilenceMap
        What of ``voice`` is left without silence.
    """

    samples: np.ndarray
    kept: SilenceMap
    voice: np.ndarray
    voice_kept: SilenceMap

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.samples.nbytes + (0 if self.voice is self.samples else self.voice.nbytes)


def decode(utterance: Utterance, rate: int, voice_rate: int, speed: float = 1.0) -> Recording:
    """Read a recording from disk.

    Parameters
    ----------
    utterance : Utterance
        Which one.
    rate, voice_rate : int
        Rates in Hz of the mixtures and of the speaker encoder.
    speed : float
        Played this much faster, which shifts the pitch as well: another voice.

    Raises
    ------
    AudioError
        If the file is missing, unreadable, empty or not finite.
    """
    samples, own = audio.read(utterance.path)
    played = round(own * speed)
    mixed = audio.resample(samples, played, rate)
    kept = SilenceMap(voiced_spans(mixed, rate))
    pcm = to_int16(mixed)
    if voice_rate == rate:
        return Recording(pcm, kept, pcm, kept)
    voice = to_int16(audio.resample(samples, played, voice_rate))
    return Recording(pcm, kept, voice, kept.scaled(voice_rate / rate, voice.size))


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Keep float samples ``[S]`` as 16 bits, clipped at full scale; 16-bit files come out as they were."""
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)


def to_float(pcm: np.ndarray) -> np.ndarray:
    """Give 16-bit samples ``[S]`` as float32 in [-1, 1)."""
    return np.multiply(pcm, np.float32(1 / 32768), dtype=np.float32)


class RecordingCache:
    """Recordings by id, loaded when first asked for.

    Copies sent to other processes start empty; forked ones share what was loaded before.

    Parameters
    ----------
    load : callable
        Id -> `Recording`.
    max_bytes : int or None
        Memory to stay below by dropping the least recently used; None keeps all.
    """

    def __init__(self, load: Callable[[str], Recording], max_bytes: int | None = None) -> None:
        self._load, self._max_bytes, self._held = load, max_bytes, 0
        self._recordings: OrderedDict[str, Recording] = OrderedDict()

    def __getitem__(self, id: str) -> Recording:
        recording = self._recordings.get(id)
        if recording is None:
            recording = self._load(id)
            self._recordings[id] = recording
            self._held += recording.nbytes
        if self._max_bytes is not None:
            self._recordings.move_to_end(id)
            self._shrink(self._max_bytes)
        return recording

    def _shrink(self, limit: int) -> None:
        """Drop the least recently used, but never the last."""
        while self._held > limit and len(self._recordings) > 1:
            self._held -= self._recordings.popitem(last=False)[1].nbytes

    @property
    def held(self) -> int:
        """Memory held, in bytes."""
        return self._held

    def preload(self, ids: Iterable[str]) -> None:
        """Load recordings on all cores, until the memory's cap is reached."""
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for id, recording in zip(ids := list(ids), threads.map(self._load, ids)):
                self._held += recording.nbytes
                self._recordings[id] = recording
                if self._max_bytes is not None and self._held > self._max_bytes:
                    threads.shutdown(cancel_futures=True)
                    break

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_recordings": OrderedDict(), "_held": 0}
