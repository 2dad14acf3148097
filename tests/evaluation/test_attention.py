"""What a network attends to can be had, and drawn, where it attends at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import imread

from pse_plugins.errors import ConfigError
from pse_plugins.evaluation.attention import attention, draw_attention, enrolled_rows
from pse_plugins.testing import small_enhancer


def sound(seconds, rate, seed=0):
    """Noise that comes and goes like syllables."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


@pytest.fixture(scope="module", params=["gru", "transformer"])
def enhancer(request):
    torch.manual_seed(0)
    return small_enhancer(conditioner="cross-attention", backbone=request.param).eval()


def test_weights_are_of_every_layer_and_add_up_over_the_enrolment(enhancer):
    rate = enhancer.sample_rate
    profile = enhancer.enrol([sound(2, rate, 1)], rate)
    weights = attention(enhancer, sound(1, rate), profile)
    layers, _, frames, rows = weights.shape
    assert layers == len([m for m in enhancer.modules() if type(m).__name__ == "CrossAttention"])
    valid, _ = enrolled_rows(enhancer, profile)
    assert rows == valid.size == profile.cue.tokens.shape[2] and frames >= rate // enhancer.frontend.hop
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert all(not m._forward_hooks for m in enhancer.modules()), "nothing is left behind"


def test_the_picture_is_one(enhancer, tmp_path):
    rate = enhancer.sample_rate
    profile = enhancer.enrol([sound(2, rate, 1)], rate)
    path = draw_attention(
        attention(enhancer, sound(1, rate), profile), sound(1, rate), rate, tmp_path / "a.png"
    )
    assert imread(path).std() > 0.05


@pytest.mark.parametrize("encoder", ["d-vector", "gru-siamese"])
def test_rows_are_seconds_of_the_speech_that_the_encoder_keeps(encoder, monkeypatch, tmp_path):
    torch.manual_seed(0)
    options = {"weights": None, "hidden": 8, "layers": 1}
    enhancer = small_enhancer(
        conditioner="cross-attention", speaker_encoder=encoder, speaker_encoder_options=options
    ).eval()
    rate = enhancer.speaker_encoder.sample_rate
    clip = np.concatenate([sound(2, rate, 1), np.zeros(2 * rate, np.float32)])
    profile = enhancer.enrol([clip, sound(3, rate, 2)], rate)
    valid, seconds = enrolled_rows(enhancer, profile)
    kept = 4.9 if encoder == "d-vector" else 7.0  # of the silence at the end of a clip 0.2 s is kept
    assert valid.sum() * seconds == pytest.approx(kept, abs=0.15)
    mixture = sound(1, enhancer.sample_rate)
    weights = attention(enhancer, mixture, profile)
    assert (
        weights[..., ~valid.flatten()].max(initial=0) < 1e-6
        and valid.size == weights.shape[-1]
        and len(valid) == 2
    )
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    draw_attention(weights, mixture, enhancer.sample_rate, tmp_path / "a.png", (valid, seconds))
    heard, seen, _, scale = drawn[0].axes
    first_clip = 1.95 if encoder == "d-vector" else 4.0
    assert [line.get_ydata()[0] for line in seen.lines] == [pytest.approx(first_clip, abs=0.3)]
    shown = weights.mean((0, 1))[:, valid.flatten()]
    assert 0.98 < (shown <= scale.get_ylim()[1]).mean() < 1
    assert heard.get_xlim() == seen.get_xlim() == (0, 1)
    assert (
        seen.get_ylim()[1] == pytest.approx(kept, abs=0.15) and seen.get_ylabel() == "enrolment, s of speech"
    )


def test_rows_that_are_utterances_have_no_seconds():
    enhancer = small_enhancer(
        conditioner="cross-attention", conditioner_options={"view": "utterances"}
    ).eval()
    rate = enhancer.speaker_encoder.sample_rate
    profile = enhancer.enrol([sound(2, rate, 1), sound(2, rate, 2)], rate)
    valid, seconds = enrolled_rows(enhancer, profile)
    assert valid.tolist() == [True, True] and seconds is None


@pytest.mark.parametrize("name", ["a", "a.txt", "a.wav", "a.png.bak"])
def test_a_name_that_is_no_picture_s_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"is drawn as \.png, \.pdf, \.svg; let the name end"):
        draw_attention(np.ones((1, 1, 4, 2)), sound(1, 8000), 8000, tmp_path / name)


@pytest.mark.parametrize("name, begins", [("a.pdf", b"%PDF"), ("a.svg", b"<?xml"), ("A.PNG", b"\x89PNG")])
def test_a_picture_is_of_the_kind_that_its_name_says(tmp_path, name, begins):
    path = draw_attention(np.ones((1, 1, 4, 2)), sound(1, 8000), 8000, tmp_path / name)
    assert path.read_bytes().startswith(begins)


def test_where_nothing_attends_it_is_said():
    film = small_enhancer(conditioner="film").eval()
    profile = film.enrol([sound(2, film.sample_rate, 1)], film.sample_rate)
    with pytest.raises(ConfigError, match="the conditioner is film, not cross-attention"):
        attention(film, sound(1, film.sample_rate), profile)
