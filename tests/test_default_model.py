"""The model that comes with the package does its work, also on voices that are nobody's."""

from __future__ import annotations

import numpy as np
import pytest

from pse_plugins import build, bundle
from pse_plugins.data.activity import active_rms
from pse_plugins.data.espeak import speak
from pse_plugins.data.voices import cast_voices
from pse_plugins.resources import share

RATE = 16000
TEXTS = (
    "The boats came home before the storm, and nobody was late.",
    "A narrow path leads from the village to the old stone bridge.",
    "Please put the blue cup next to the kettle on the table.",
)


@pytest.fixture(scope="module")
def model():
    return bundle.load(share("models") / "default")


def two_voices():
    """Give a man and a woman of the embedded corpus."""
    voices = sorted(cast_voices(60)["test"], key=lambda voice: voice.pitch[0])
    return voices[0], voices[-1]


def mixed(target, other):
    """Add at 0 dB over the shorter length."""
    size = min(len(target), len(other))
    target, other = target[:size], other[:size]
    return target, target + other * np.float32(active_rms(target, RATE) / active_rms(other, RATE))


def improvement(model, mixture, target, clip):
    score = build("metric", "si-sdr-improvement")
    return score(model.enhance(mixture, RATE, [clip]), target, mixture, RATE)


def test_it_keeps_who_is_enrolled(model):
    low, high = two_voices()
    target, mixture = mixed(speak(low, TEXTS[0]), speak(high, TEXTS[1]))
    right = improvement(model, mixture, target, speak(low, TEXTS[2]))
    wrong = improvement(model, mixture, target, speak(high, TEXTS[2]))
    assert right > 3
    assert right > wrong + 6


def test_it_removes_noise(model):
    voice, _ = two_voices()
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    target, mixture = mixed(speak(voice, TEXTS[0]), noise)
    assert improvement(model, mixture, target, speak(voice, TEXTS[2])) > 6


def test_it_says_where_it_comes_from():
    record = bundle.describe(share("models") / "default")["record"]
    assert "CC BY" in record["licence"] and record["training_hash"] and record["commit"]
    assert (share("models") / "default" / "model.safetensors").stat().st_size < 8e6


def test_it_is_not_later_than_20_ms(model):
    assert 1000 * model.latency / model.sample_rate <= 20
