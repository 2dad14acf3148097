"""Audio files of any length in constant memory: read and written block by block."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from .audio import UNREADABLE
from .errors import AudioError

_FAMILIES = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".flac": ("FLAC",),
    ".ogg": ("OGG",),
    ".oga": ("OGG",),
    ".mp3": ("MP3",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".au": ("AU",),
    ".caf": ("CAF",),
    ".w64": ("W64",),
}
_SAMPLE_BY_SAMPLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_III")
_FLOATING = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III")

_PIECE = 2**19  # samples
_PROMISE = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)

SUFFIXES = tuple(_FAMILIES)
"""File names that are taken for audio, and that can be written."""


@dataclass(frozen=True)
class AudioFormat:
    """How a file keeps its samples.

    Parameters
    ----------
    rate : int
        In Hz.
    channels : int
        Their number ``C``.
    container, encoding : str
        libsndfile's names: ``"WAV"``, ``"PCM_16"``.
    """

    rate: int
    channels: int
    container: str
    encoding: str

    def renamed(self, path: Path) -> AudioFormat:
        """Keep what the suffix of another path allows, and change the rest.

        The container follows the suffix; the encoding stays where that container takes it and where it keeps
        every sample (no ADPCM, whose blocks would lengthen the file), and is the container's usual one otherwise.

        Raises
        ------
        AudioError
            If the suffix names no format, or one that cannot take this rate or so many channels.

        Examples
        --------
        >>> AudioFormat(8000, 1, "WAV", "PCM_U8").renamed(Path("out.wav")).encoding
        'PCM_U8'
        >>> AudioFormat(44100, 2, "MP3", "MPEG_LAYER_III").renamed(Path("out.wav")).encoding
        'PCM_16'
        """
        suffix = path.suffix.lower()
        if suffix not in _FAMILIES:
            raise AudioError(
                f"{path}: cannot write {suffix or 'a file without suffix'!r}; use {', '.join(SUFFIXES)}"
            )
        family = _FAMILIES[suffix]
        container = self.container if self.container in family else family[0]
        keeps = self.encoding.startswith(_SAMPLE_BY_SAMPLE) or (
            container == self.container and self.encoding in _LOSSY
        )
        if keeps and soundfile.check_format(container, self.encoding):
            return AudioFormat(self.rate, self.channels, container, self.encoding)
        return AudioFormat(self.rate, self.channels, container, soundfile.default_subtype(container))


class BlockReader:
    """Reads a file of any rate, format and number of channels, a block at a time.

    Parameters
    ----------
    path : str or Path
        Anything that libsndfile reads.

    Raises
    ------
    AudioError
        If the file is missing, not audio, or empty; from `blocks`, if it ends early or is not finite.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise AudioError(f"{self.path}: no such file; check the path")
        try:
            self._file = soundfile.SoundFile(self.path)
        except UNREADABLE as error:
            raise AudioError(
                f"{self.path}: not readable as audio ({error}); convert it to WAV or FLAC"
            ) from error
        f = self._file
        self.frames: int = f.frames
        self.format = AudioFormat(f.samplerate, f.channels, f.format, f.subtype)
        if self.frames == 0:
            raise AudioError(f"{self.path}: holds no samples; record it again")

    @property
    def cut_off(self) -> bool:
        """Whether a WAV file's header promises more than there is: half of a download, say.

        A header that could not know the length, as a pipe writes it, promises nothing.
        """
        found = _PROMISE.search(self._file.extra_info)
        return found is not None and int(found[2]) < int(found[1]) < 2**31 - 1

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Give the samples, float32 ``[size, C]``, once; the last block may be shorter."""
        for piece in self._pieces(max(size, _PIECE // size * size)):
            for start in range(0, len(piece), size):
                yield piece[start : start + size]

    def _pieces(self, size: int) -> Iterator[np.ndarray]:
        """Read in large pieces: soundfile seeks after each, which costs, and which MP3 decoders complain about."""
        done = 0
        while done < self.frames:
            try:
                piece = self._file.read(min(size, self.frames - done), dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise AudioError(
                    f"{self.path}: damaged after {done} samples ({error}); get it again"
                ) from error
            if len(piece) == 0:
                raise AudioError(f"{self.path}: ends after {done} of {self.frames} samples; get it again")
            if not np.isfinite(piece).all():
                raise AudioError(f"{self.path}: holds NaN or infinite samples; repair it or record it again")
            done += len(piece)
            yield piece  # [n, C]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlockWriter:
    """Writes a file a block at a time; it appears under its name only when it is whole.

    Used as a context manager: an error or an interruption inside leaves an older file of that name as it was.

    Parameters
    ----------
    path : str or Path
        Where to write; missing folders are made.
    fmt : AudioFormat
        How to keep the samples.

    Attributes
    ----------
    clipped : int
        Samples outside [-1, 1] so far, in an encoding that cannot hold them: they are written as the largest.

    Raises
    ------
    AudioError
        If the file cannot be made, the format does not go with the rate, or the disk is full.
    """

    def __init__(self, path: str | Path, fmt: AudioFormat) -> None:
        self.path, self.clipped = Path(path), 0
        self._limited = fmt.encoding not in _FLOATING
        self._rounded = fmt.encoding == "PCM_16"
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        if self.path.exists() and not self.path.is_file():
            raise AudioError(f"{self.path}: not a file that can be replaced; name a file")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(
                self._part, "w", fmt.rate, fmt.channels, fmt.encoding, format=fmt.container
            )
        except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as error:
            self._part.unlink(missing_ok=True) if self.path.parent.is_dir() else None
            what = f"{fmt.container} {fmt.encoding}, {fmt.rate} Hz, {fmt.channels} channel(s)"
            raise AudioError(
                f"{self.path}: cannot write {what} there ({error}); choose another --out"
            ) from error

    def write(self, block: np.ndarray) -> None:
        """Append ``[n, C]`` or, for one channel, ``[n]``."""
        if self._limited:
            self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        if self._rounded:  # libsndfile cuts the fraction off, which takes half a step from every sample
            block = to_s16(block)
        try:
            self._file.write(block)
        except (soundfile.SoundFileError, RuntimeError, OSError) as error:
            raise AudioError(
                f"{self.path}: cannot write ({error}); free some disk space; nothing was replaced"
            ) from error

    def __enter__(self) -> BlockWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)


def to_s16(samples: np.ndarray) -> np.ndarray:
    """Round to 16 bits, limited to what they hold; full scale is 1.

    Examples
    --------
    >>> to_s16(np.array([0.5, -1.0, 1.0, 1.7 / 32768])).tolist()
    [16384, -32768, 32767, 2]
    """
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
