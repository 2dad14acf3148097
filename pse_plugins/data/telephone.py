"""A telephone: a narrow band, and few bits."""

from __future__ import annotations

import numpy as np
import soxr
from scipy.signal import butter, sosfilt

_RATE, _BAND, _MU = 8000, (300, 3400), 255


def telephone(samples: np.ndarray, rate: int) -> np.ndarray:
    """Pass 300 to 3400 Hz at 8 kHz, in 8 bits by the mu-law.

    Parameters
    ----------
    samples : ndarray
        ``[S]``.
    rate : int
        In Hz.

    Returns
    -------
    ndarray
        float32 ``[S]``, at the same rate.
    """
    narrow = soxr.resample(samples, rate, _RATE)
    narrow = sosfilt(butter(4, _BAND, "bandpass", fs=_RATE, output="sos"), narrow)
    peak = float(np.abs(narrow).max(initial=0.0)) or 1.0
    coded = np.sign(narrow) * np.log1p(_MU * np.abs(narrow) / peak) / np.log1p(_MU)
    coded = np.round(coded * 127) / 127
    heard = np.sign(coded) * (np.exp(np.abs(coded) * np.log1p(_MU)) - 1) / _MU * peak
    heard = np.asarray(soxr.resample(heard, _RATE, rate), np.float32)[: samples.size]
    return np.pad(heard, (0, samples.size - heard.size))
