"""Metrics have the values of their definitions, and say NaN where there is none."""

import math

import numpy as np
import pytest

from pse_plugins import build
from pse_plugins.errors import PseError
from pse_plugins.metrics import pesq as pesq_module
from pse_plugins.metrics.pesq import Pesq

NAMES = ["si-sdr", "si-sdr-improvement", "sdr", "pesq", "stoi", "estoi"]


@pytest.fixture
def speech(voice):
    rng = np.random.default_rng(1)
    x = voice(140, 3.0)
    return x + 0.02 * np.convolve(rng.standard_normal(len(x)), np.ones(8) / 8, "same").astype(np.float32) * (
        x != 0
    )


def test_si_sdr_ignores_scale_and_offset_and_has_a_known_value():
    rng = np.random.default_rng(0)
    s, n = rng.standard_normal((2, 16000))
    s -= s.mean()
    n -= n.mean() + (n @ s) / (s @ s) * s
    n *= np.linalg.norm(s) / np.linalg.norm(n) / 10  # orthogonal, 20 dB down
    for estimate in (s + n, 3 * (s + n), s + n + 0.5):
        assert build("metric", "si-sdr")(estimate, s, s, 16000) == pytest.approx(20, abs=0.01)
    assert build("metric", "si-sdr-improvement")(s + n, s, s + 10 * n, 16000) == pytest.approx(20, abs=0.05)


def test_sdr_forgives_a_short_filter_and_si_sdr_does_not(speech):
    delayed = np.roll(speech, 5)
    assert build("metric", "sdr")(delayed, speech, speech, 16000) > 25
    assert build("metric", "si-sdr")(delayed, speech, speech, 16000) < 20


def test_sdr_of_orthogonal_noise_is_the_ratio():
    rng = np.random.default_rng(0)
    s, n = rng.standard_normal((2, 64000))
    n *= np.linalg.norm(s) / np.linalg.norm(n) / 10
    assert build("metric", "sdr")(s + n, s, s, 16000) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(
    ("name", "rate", "best"),
    [("stoi", 16000, 1.0), ("estoi", 16000, 1.0), ("pesq", 16000, 4.644), ("pesq", 8000, 4.549)],
)
def test_the_target_itself_gets_the_highest_score(speech, name, rate, best):
    metric = build("metric", name)
    if getattr(metric, "available", str)():
        pytest.xfail("pesq needs a C compiler")
    assert metric(speech, speech, speech, rate) == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_too_short_to_score_is_nan_or_a_number(speech, name):
    metric = build("metric", name)
    if getattr(metric, "available", str)():
        pytest.xfail("pesq needs a C compiler")
    for samples in (0, 1, 100, 2000):
        part = speech[8000 : 8000 + samples]
        assert isinstance(metric(0.9 * part, part, part + 0.01, 16000), float)


def test_pesq_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pesq_module.importlib.util, "find_spec", lambda name: None)
    metric = build("metric", "pesq")
    assert "pse-plugins[eval]" in metric.available()
    with pytest.raises(PseError, match=r"pse-plugins\[eval\]"):
        metric(np.ones(8000), np.ones(8000), np.ones(8000), 16000)


@pytest.mark.parametrize("name", NAMES)
def test_more_noise_is_worse_and_silence_is_nan(speech, name):
    metric = build("metric", name)
    if getattr(metric, "available", str)():
        pytest.xfail("pesq needs a C compiler")
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(len(speech)).astype(np.float32) * speech.std()
    mixture = speech + 3 * noise
    good, bad = (metric(speech + g * noise, speech, mixture, 16000) for g in (0.05, 1.0))
    assert (good > bad) == metric.higher_is_better
    silence = np.zeros_like(speech)
    assert math.isnan(metric(silence, speech, mixture, 16000))
    assert math.isnan(metric(speech, silence, mixture, 16000))


def test_pesq_chooses_its_mode_by_rate(monkeypatch):
    import sys
    import types

    seen = []
    fake = types.ModuleType("pesq")
    fake.pesq = lambda rate, target, estimate, mode: seen.append((rate, mode, len(target))) or 2.0
    fake.PesqError = ValueError
    monkeypatch.setitem(sys.modules, "pesq", fake)
    monkeypatch.setattr(Pesq, "available", staticmethod(lambda: ""))
    x = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    for rate in (8000, 16000, 48000):
        Pesq()(x, x, x, rate)
    assert [s[:2] for s in seen] == [(8000, "nb"), (16000, "wb"), (16000, "wb")]
    assert seen[2][2] == pytest.approx(16000 / 3, abs=2)
