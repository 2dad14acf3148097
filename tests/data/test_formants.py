"""Moved resonances: the vocal tract changes, pitch and loudness stay."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from pse_plugins.data.formants import move_formants

RATE, PITCH, RESONANCES = 16000, 125, (600.0, 1500.0, 2600.0)


def vowel(factor=1.0):
    """Pulses of a pitch, through three resonances."""
    samples = np.zeros(RATE)
    samples[:: RATE // PITCH] = 1
    for resonance in RESONANCES:
        radius, angle = np.exp(-np.pi * 80 / RATE), 2 * np.pi * factor * resonance / RATE
        samples = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], samples)
    return (0.1 * samples / np.abs(samples).max()).astype(np.float32)


def harmonics(samples, shift=0.0):
    """Give the levels of the harmonics below 4 kHz in dB, or of what is between them."""
    inner = samples[2000:-2000]
    bins = 20 * np.log10(np.abs(np.fft.rfft(inner * np.hanning(inner.size))) + 1e-9)
    return bins[np.round((np.arange(2, 30) + shift) * PITCH * inner.size / RATE).astype(int)]


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_resonances_move_by_the_factor_and_the_pitch_stays(factor):
    moved = move_formants(vowel(), factor, RATE)
    before, after = (np.std(harmonics(x) - harmonics(vowel(factor))) for x in (vowel(), moved))
    assert after < 0.6 * before
    assert np.mean(harmonics(moved) - harmonics(moved, 0.5)) > 20


def test_length_and_loudness_stay_and_nothing_passes_full_scale():
    moved = move_formants(vowel(), 1.1, RATE)
    assert moved.dtype == np.float32 and moved.size == vowel().size
    assert np.square(moved).mean() == pytest.approx(np.square(vowel()).mean(), rel=1e-3)
    assert np.abs(move_formants(vowel() * 10, 0.8, RATE)).max() <= 1
    np.testing.assert_allclose(move_formants(vowel(), 1.0, RATE), vowel(), atol=1e-6)


def test_silence_stays_silence():
    for size in (0, 5, 4000):
        assert not move_formants(np.zeros(size, np.float32), 1.2, RATE).any()
