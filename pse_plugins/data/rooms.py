"""Rooms: a direct sound, and noise that dies away."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve


def reverberate(
    samples: np.ndarray, rate: int, seconds: float, direct: float, reflections: np.ndarray
) -> np.ndarray:
    """Let a sound be heard in a room; what comes after its end is cut off.

    Parameters
    ----------
    samples : ndarray
        ``[S]``.
    rate : int
        In Hz.
    seconds : float
        Reverberation time: after it, reflections have fallen by 60 dB.
    direct : float
        Amplitude of the direct sound; it and the reflections together have the energy of 1.
    reflections : ndarray
        White noise of at least ``seconds``, which the response is made of.

    Returns
    -------
    ndarray
        float32 ``[S]``.
    """
    time = np.arange(round(seconds * rate)) / rate
    response = reflections[: time.size] * 10 ** (-3 * time / seconds)
    response[0] = 0
    response *= np.sqrt(1 - direct**2) / np.linalg.norm(response)
    response[0] = direct
    return np.asarray(fftconvolve(samples, response)[: samples.size], np.float32)
