"""The energy of short frames: one measure for levels, SNR and the removal of silence."""

from __future__ import annotations

import numpy as np

FRAME = 0.01
"""Length of a frame in seconds."""


def energies(samples: np.ndarray, rate: int) -> np.ndarray:
    """Mean square of each whole frame of 10 ms, full scale being 1.

    The signal's mean is no sound: recordings with a constant offset would seem loud, and steady.

    Parameters
    ----------
    samples : ndarray
        ``[S]``, float.
    rate : int
        In Hz.

    Returns
    -------
    ndarray
        ``[S // frame]``; a signal shorter than a frame counts as one.
    """
    frame = frame_length(rate)
    count = samples.size // frame
    if samples.size:
        samples = samples - samples.mean(dtype=np.float64).astype(samples.dtype)
    if count == 0:
        return np.array([np.mean(np.square(samples, dtype=np.float64)) if samples.size else 0.0])
    framed = samples[: count * frame].reshape(count, frame)
    return np.einsum("ij,ij->i", framed, framed) / frame


def frame_length(rate: int) -> int:
    """Samples in a frame at a rate in Hz."""
    return max(1, round(FRAME * rate))
