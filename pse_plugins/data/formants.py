"""Voices with longer and shorter vocal tracts: the resonances of speech are moved, the pitch is left."""

from __future__ import annotations

import numpy as np
from scipy import fft

_FRAME = 0.032
_QUEFRENCY = 0.0016
"""What the cepstrum has below this is the vocal tract, above it the pitch; in seconds."""
_MOST = 2.5
"""Most that a bin is raised or lowered, in nepers: 22 dB."""


def move_formants(samples: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """Move the spectral envelope of speech along the frequency axis.

    Each short-time spectrum is filtered from its envelope, which is smoothed in the cepstrum, to the same envelope at
    other frequencies: vocal tract length perturbation (Jaitly & Hinton, 2013) of the waveform.

    Parameters
    ----------
    samples : ndarray
        Speech, float32 ``[S]``.
    factor : float
        Resonances are ``factor`` times as high: above 1 as of a shorter vocal tract.
    rate : int
        In Hz.

    Returns
    -------
    ndarray
        float32 ``[S]``, as loud as before and not above full scale.
    """
    frame = fft.next_fast_len(round(_FRAME * rate) // 2) * 2
    hop = frame // 2
    window = np.sin(np.pi * (np.arange(frame, dtype=np.float32) + 0.5) / frame)
    padded = np.pad(samples, (hop, hop + -samples.size % hop))
    spectrum = fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop] * window)
    envelope = _envelope(np.abs(spectrum), round(_QUEFRENCY * rate))
    gain = np.exp(np.clip(_stretched(envelope, factor) - envelope, -_MOST, _MOST))
    pieces = fft.irfft(spectrum * gain, frame) * window
    moved = (np.pad(pieces[:, :hop].ravel(), (0, hop)) + np.pad(pieces[:, hop:].ravel(), (hop, 0)))[hop:]
    moved = moved[: samples.size]
    before, after = np.square(samples).sum(), np.square(moved).sum()
    loud = np.sqrt(before / after) if after > 0 else 1.0
    return np.asarray(moved * min(loud, 1 / max(np.abs(moved).max(initial=0), 1e-9)), np.float32)


def _envelope(magnitude: np.ndarray, quefrency: int) -> np.ndarray:
    """Smooth log magnitudes ``[T, F]`` in the cepstrum."""
    cepstrum = fft.irfft(np.log(magnitude + 1e-5))
    cepstrum[:, quefrency : 1 - quefrency] = 0
    return np.asarray(fft.rfft(cepstrum).real)


def _stretched(envelope: np.ndarray, factor: float) -> np.ndarray:
    """Read envelopes ``[T, F]`` at frequencies lower by a factor, between two bins in a straight line."""
    last = envelope.shape[1] - 1
    at = np.minimum(np.arange(last + 1, dtype=np.float32) / factor, last)
    below = np.minimum(at.astype(int), last - 1)
    share = at - below
    return np.asarray(envelope[:, below] * (1 - share) + envelope[:, below + 1] * share)
