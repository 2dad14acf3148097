"""What a network attends to can be had, and drawn, where it attends at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from pse_plugins.errors import ConfigError
from pse_plugins.evaluation.attention import attention, draw_attention
from pse_plugins.testing import small_enhancer


def sound(seconds, rate, seed=0):
    """Noise that comes and goes like syllables."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


@pytest.fixture(scope="module")
def enhancer():
    torch.manual_seed(0)
    return small_enhancer(conditioner="cross-attention").eval()


def test_weights_are_of_every_layer_and_add_up_over_the_enrolment(enhancer):
    rate = enhancer.sample_rate
    profile = enhancer.enrol([sound(2, rate, 1)], rate)
    weights = attention(enhancer, sound(1, rate), profile)
    layers, _, frames, rows = weights.shape
    assert layers == len([m for m in enhancer.modules() if type(m).__name__ == "CrossAttention"])
    assert rows == profile.cue.tokens.shape[2] and frames >= rate // enhancer.frontend.hop
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert all(not m._forward_hooks for m in enhancer.modules()), "nothing is left behind"


def test_the_picture_is_one(enhancer, tmp_path):
    rate = enhancer.sample_rate
    profile = enhancer.enrol([sound(2, rate, 1)], rate)
    path = draw_attention(
        attention(enhancer, sound(1, rate), profile), sound(1, rate), rate, tmp_path / "a.png"
    )
    assert imread(path).std() > 0.05


def test_where_nothing_attends_it_is_said():
    film = small_enhancer(conditioner="film").eval()
    profile = film.enrol([sound(2, film.sample_rate, 1)], film.sample_rate)
    with pytest.raises(ConfigError, match="the conditioner is film, not cross-attention"):
        attention(film, sound(1, film.sample_rate), profile)
