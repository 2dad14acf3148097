"""The frontend reconstructs perfectly, whole and in steps, and its latency is what it says."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pse_plugins.contracts import initial_state
from pse_plugins.errors import ConfigError
from pse_plugins.frontend import WINDOWS, Frontend

OPTIONS = [
    {},
    {"sample_rate": 8000},
    {"hop": 256},
    {"hop": 200},
    {"synthesis_frame": 320},
    {"frame": 512, "hop": 128, "synthesis_frame": 256},
    {"frame": 1024, "hop": 100, "synthesis_frame": 333},
    *({"frame": 400, "hop": 100, "window": window} for window in WINDOWS),
]


def stream(frontend, x):
    state, out = initial_state(frontend.state_spec(), len(x), x), []
    total = frontend.frames(x.shape[1]) * frontend.hop
    padded = torch.nn.functional.pad(x, (0, total - x.shape[1]))
    for block in padded.split(frontend.hop, dim=1):
        spectrum, state = frontend.analyse_step(block, state)
        samples, state = frontend.synthesise_step(spectrum, state)
        out.append(samples)
    return torch.cat(out, dim=1)[:, frontend.latency - frontend.hop :][:, : x.shape[1]]


def test_defaults_follow_the_rate():
    assert (Frontend(16000).frame, Frontend(16000).hop) == (512, 160)
    assert (Frontend(8000).frame, Frontend(8000).hop) == (1024, 256)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_reconstructs_whole_and_in_steps(options):
    frontend, x = Frontend(**options), torch.randn(2, 4567)
    whole = frontend.synthesise(frontend.analyse(x), 4567)
    assert torch.allclose(whole, x, atol=2e-6)
    assert torch.allclose(stream(frontend, x), x, atol=2e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 200), st.integers(1, 64), st.integers(1, 64), st.integers(1, 3000))
def test_any_frame_and_hop_reconstructs_or_says_why(half, hop, shorter, samples):
    frame = 2 * half
    try:
        frontend = Frontend(16000, frame, hop, max(1, frame - shorter))
    except ConfigError as error:
        assert "hop" in str(error)
        return
    x = torch.randn(1, samples)
    assert torch.allclose(frontend.synthesise(frontend.analyse(x), samples), x, atol=1e-3)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_latency_by_perturbation(options):
    frontend, x = Frontend(**options), torch.zeros(1, 4096)
    x[0, 2000] = 1.0
    changed = frontend.analyse(x).abs().sum(-1)[0].nonzero()
    first_frame_end = (int(changed[0]) + 1) * frontend.hop
    assert first_frame_end > 2000  # no frame that ended before the impulse knows of it
    assert first_frame_end - 2000 <= frontend.hop
    assert frontend.latency == (options.get("synthesis_frame") or frontend.frame)


def test_analysis_is_causal():
    frontend, x = Frontend(), torch.randn(1, 8000)
    y = x.clone()
    y[:, 4000:] = 0
    same = frontend.analyse(x)[:, : 4000 // 160] - frontend.analyse(y)[:, : 4000 // 160]
    assert same.abs().max() == 0


def test_compression_is_a_power_of_the_magnitude():
    x = torch.randn(1, 4000)
    spectrum = Frontend().analyse(x)
    expected = spectrum.abs() ** 0.3
    assert torch.allclose(Frontend(compression=0.3).features(spectrum), expected, atol=2e-2, rtol=1e-3)


def test_standardised_features_have_zero_mean_and_unit_variance_in_each_bin():
    frontend, tilted = Frontend(compression=0.3), torch.randn(8, 16000).cumsum(-1)
    frontend.standardise(tilted)
    features = torch.cat([frontend.features(frontend.analyse(x[None])) for x in tilted], dim=1)[0]
    assert features.mean(0).abs().max() < 1e-3
    assert (features.std(0) - 1).abs().median() < 1e-2
    assert features.std(0).max() < 1.01  # bins that hardly change are not blown up


def test_the_measures_of_the_features_are_kept_with_the_weights():
    measured, loaded, x = Frontend(), Frontend(), torch.randn(1, 8000)
    measured.standardise(torch.randn(4, 16000))
    loaded.load_state_dict(measured.state_dict())
    spectrum = loaded.analyse(x)
    assert torch.equal(loaded.features(spectrum), measured.features(spectrum))
    assert not torch.allclose(loaded.features(spectrum), Frontend().features(spectrum), atol=0.1)


def test_silent_examples_leave_the_features_finite():
    frontend = Frontend()
    frontend.standardise(torch.zeros(2, 8000))
    assert frontend.features(frontend.analyse(torch.randn(1, 8000))).isfinite().all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"hop": 512}, "hop"),
        ({"hop": 0}, "hop"),
        ({"frame": 511}, "even"),
        ({"window": "sqrthann"}, "did you mean 'sqrt-hann'"),
        ({"compression": 0.0}, "compression"),
        ({"synthesis_frame": 1024}, "synthesis_frame"),
        ({"sample_rate": -1}, "sample_rate"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(ConfigError, match=word):
        Frontend(**options)
