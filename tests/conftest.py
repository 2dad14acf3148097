"""Shared pieces: tiny cues, a tiny encoder, tiny enhancers; all made here, no data needed."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

from pse_plugins.contracts import SpeakerCue, SpeakerEncoder
from pse_plugins.enhancer import build_enhancer

torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems():
    """Prepare for hypothesis, which looks at every module once the tests are collected."""
    quieten_lazy_modules()


def pytest_runtest_setup():
    """Prepare for hypothesis again: a test may have imported more."""
    quieten_lazy_modules()


def quieten_lazy_modules():
    """Say that SpeechBrain's lazy modules have no file: asked for it, they try to import what is absent."""
    for module in list(sys.modules.values()):
        if any(c.__module__ == "speechbrain.utils.importutils" for c in type(module).__mro__):
            vars(module).setdefault("__file__", None)


@pytest.fixture(autouse=True)
def seed():
    """Start each test from the same random numbers."""
    torch.manual_seed(0)


TINY = {
    "gru": {"layers": 2, "hidden": 12},
    "transformer": {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "heads": 2,
        "head_dim": 4,
        "feed_forward": 16,
        "look_back": 5,
    },
}
CONDITIONERS = ["concat", "add", "multiply", "film", "cross-attention", "sparse-moe"]
PAIRS = [(conditioner, backbone) for conditioner in CONDITIONERS for backbone in TINY]


class TinyEncoder(SpeakerEncoder):
    """Levels of 10 ms frames, projected: enough to tell two tones apart, and quick."""

    cue_dim = 6
    vector_dim = 4

    def __init__(self, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("weight", torch.randn(160, 6, generator=generator))

    def forward(self, waveforms, lengths):
        frames = torch.nn.functional.pad(waveforms, (0, -waveforms.shape[-1] % 160)).unflatten(-1, (-1, 160))
        tokens = torch.tanh(frames @ self.weight * 10)
        mask = torch.arange(tokens.shape[2]) < (lengths // 160).unsqueeze(-1)
        tokens = tokens * mask.unsqueeze(-1)
        mean = tokens.sum(2) / mask.sum(2, keepdim=True).clamp(min=1)
        return SpeakerCue(tokens, mask, mean[..., :4])


def tiny_enhancer(conditioner="film", backbone="gru", frozen=True, seed=0, **config):
    """Build a small random enhancer; its encoder is a random, frozen d-vector of a few units."""
    torch.manual_seed(seed)
    options = {"heads": 2} if conditioner == "cross-attention" else {}
    enhancer = build_enhancer(
        {
            "speaker_encoder": "d-vector",
            "speaker_encoder_options": {"weights": None, "hidden": 6, "layers": 1},
            "conditioner": conditioner,
            "conditioner_options": options,
            "backbone": backbone,
            "backbone_options": TINY[backbone],
            "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
            **config,
        }
    )
    with torch.no_grad():
        for name, p in enhancer.named_parameters():
            if "head" in name:
                p.mul_(3)
    return enhancer.eval()


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
