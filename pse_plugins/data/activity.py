"""Where a recording is active: one energy measure for levels, SNR and the removal of silence."""

from __future__ import annotations

import numpy as np
from pse_runtime.energy import energies, frame_length

DEPTH_DB = 30.0
"""A frame is active when it is less than this below the loudest 2 % of frames."""
HANGOVER = 10
"""Frames kept before and after active ones when silence is removed: 0.1 s."""
_FLOOR = 1e-9  # mean square of -90 dBFS: what is below is silence however loud the rest


def active_frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Say which frames are active: less than 30 dB below the loudest 2 %.

    Parameters
    ----------
    samples : ndarray
        ``[S]``, float.
    rate : int
        In Hz.

    Returns
    -------
    ndarray
        bool, one a frame of 10 ms.
    """
    return _active(energies(samples, rate))


def _active(energy: np.ndarray) -> np.ndarray:
    """Threshold frame energies."""
    rank = energy.size - max(1, energy.size // 50)
    loud = np.partition(energy, rank)[rank]
    return energy > max(loud * 10 ** (-DEPTH_DB / 10), _FLOOR)


def active_rms(samples: np.ndarray, rate: int) -> float:
    """Root mean square over the active frames, the level that every SNR here is defined on.

    Parameters
    ----------
    samples : ndarray
        ``[S]``, float.
    rate : int
        In Hz.

    Returns
    -------
    float
        0 for silence.

    Examples
    --------
    >>> tone = np.sin(np.arange(16000) * 0.3)
    >>> round(active_rms(np.concatenate([tone, np.zeros(48000)]), 16000), 3)
    0.707
    """
    energy = energies(samples, rate)
    active = _active(energy)
    return float(np.sqrt(energy[active].mean())) if active.any() else 0.0


def voiced_spans(samples: np.ndarray, rate: int) -> np.ndarray:
    """Find what is left when silence is removed: active frames and 0.1 s around them.

    Parameters
    ----------
    samples : ndarray
        ``[S]``, float.
    rate : int
        In Hz.

    Returns
    -------
    ndarray
        int64 ``[K, 2]``: first sample and the one after the last, in order, not touching.
    """
    active = active_frames(samples, rate).astype(np.int64)
    near = np.convolve(active, np.ones(2 * HANGOVER + 1, np.int64))[HANGOVER : HANGOVER + active.size] > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]])))
    spans = edges.reshape(-1, 2) * frame_length(rate)
    return np.minimum(spans, samples.size)
