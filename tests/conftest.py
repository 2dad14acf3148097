"""Shared pieces: tiny cues, a tiny encoder, tiny enhancers; all made here, no data needed."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

pytest_plugins = ["fake_plugins", "pse_plugins.pytest_plugin"]  # the latter as its entry point does

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed():
    """Start each test from the same random numbers."""
    torch.manual_seed(0)


@pytest.fixture
def voice():
    """Make a voice-like signal: harmonics with a syllable rhythm; ``voice(pitch, seconds)``, float32 [S] at 16 kHz."""

    def make(pitch=120.0, seconds=2.0, rate=16000, seed=0):
        t = np.arange(int(seconds * rate)) / rate
        rng = np.random.default_rng(seed)
        tone = sum(np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
        syllables = np.clip(np.sin(2 * np.pi * 3 * t + rng.uniform(0, 6)) + 0.3, 0, 1)
        return (0.05 * tone * syllables + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)

    return make
