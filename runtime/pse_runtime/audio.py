"""Audio files and arrays: read, check, resample, write; every fault is an `AudioError` with its remedy."""

from __future__ import annotations

from numbers import Real
from pathlib import Path

import numpy as np
import soundfile
import soxr

from .errors import AudioError

UNREADABLE = (soundfile.SoundFileError, RuntimeError, OSError, TypeError)
"""What soundfile raises; a TypeError is its way to say that a file without header, ``.raw``, states no rate."""


def read(
    path: str | Path, rate: int | None = None, start: int = 0, frames: int = -1
) -> tuple[np.ndarray, int]:
    """Read a file as mono, resampled if a rate is given.

    Parameters
    ----------
    path : str or Path
        Any format that libsndfile reads, any number of channels (averaged).
    rate : int or None
        Wanted rate in Hz; None keeps the file's.
    start, frames : int
        The part to read, in samples at the file's rate; -1 reads to the end.

    Returns
    -------
    samples : ndarray
        float32 ``[S]``.
    rate : int
        Its rate in Hz.

    Raises
    ------
    AudioError
        If the file is missing, unreadable or empty, or has samples that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the path")
    try:
        samples, own = soundfile.read(path, frames=frames, start=start, dtype="float32", always_2d=True)
    except UNREADABLE as error:
        raise AudioError(f"{path}: not readable as audio ({error}); convert it to WAV or FLAC") from error
    mono = check(samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0], str(path))
    return (mono, own) if rate is None else (resample(mono, own, rate), rate)


def check(samples: np.ndarray, what: str) -> np.ndarray:
    """Return the samples as contiguous float32 ``[S]``, or say what is wrong with them.

    Raises
    ------
    AudioError
        If they are not one channel, empty, or not all finite.
    """
    if np.asarray(samples).dtype.kind in "iub":
        raise AudioError(
            f"{what}: holds whole numbers; divide by full scale (32768 for 16 bits) to get -1 to 1"
        )
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise AudioError(
            f"{what}: expected one channel [S], got shape {list(samples.shape)}; average the channels"
        )
    if samples.size == 0:
        raise AudioError(f"{what}: holds no samples; record it again")
    if not np.isfinite(samples).all():
        raise AudioError(f"{what}: holds NaN or infinite samples; repair it or record it again")
    return samples


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Resample ``[S]`` from one rate in Hz to another (soxr, high quality).

    Raises
    ------
    AudioError
        If a rate is not positive.
    """
    check_rates(rate, to)
    return samples if rate == to else np.asarray(soxr.resample(samples, rate, to), dtype=np.float32)


def check_rates(*rates: object) -> None:
    """Refuse sample rates that are no positive numbers.

    Raises
    ------
    AudioError
        For the first such rate.
    """
    for rate in rates:
        if not isinstance(rate, Real) or rate <= 0:
            shown = rate if isinstance(rate, Real) else type(rate).__name__
            raise AudioError(f"a sample rate must be a positive number of Hz, got {shown}")
