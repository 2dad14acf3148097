"""Losses agree with plain NumPy, ignore padding, and stay finite on silence."""

import numpy as np
import pytest
import torch

from pse_plugins import build
from pse_plugins.errors import ConfigError

NAMES = ["si-sdr", "snr", "compressed-spectral", "si-sdr-compressed"]


def pair(batch=3, samples=4000, seed=0):
    g = torch.Generator().manual_seed(seed)
    target = 0.1 * torch.randn(batch, samples, generator=g)
    return target + 0.03 * torch.randn(batch, samples, generator=g), target


def test_si_sdr_equals_its_definition():
    estimate, target = pair()
    loss = build("loss", "si-sdr", limit_db=200.0)(estimate, target, torch.tensor([4000, 4000, 2500]))
    for i, n in enumerate((4000, 4000, 2500)):
        e, s = (x[i, :n].double().numpy() for x in (estimate, target))
        e, s = e - e.mean(), s - s.mean()
        w = s * (e @ s) / (s @ s)
        assert -loss[i].item() == pytest.approx(10 * np.log10((w @ w) / ((w - e) @ (w - e))), abs=1e-3)


def test_the_limit_stops_a_perfect_item():
    _, target = pair()
    loss = build("loss", "si-sdr")(target, target, torch.full((3,), 4000))
    assert torch.allclose(loss, torch.tensor(-30.0), atol=0.01)


def test_no_estimate_does_not_pay():
    _, target = pair()
    loss = build("loss", "si-sdr")(torch.zeros_like(target), target, torch.full((3,), 4000))
    assert torch.allclose(loss, torch.tensor(20.0), atol=0.01)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_compressed_spectral_equals_its_definition(alpha):
    estimate, target = pair()
    loss = build("loss", "compressed-spectral", alpha=alpha, level_db=None)
    got = loss(estimate, target, torch.tensor([4000, 4000, 2500]))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    for i, n in enumerate((4000, 4000, 2500)):
        e, s = (np.pad(x[i, :n].double().numpy(), (256, 768)) for x in (estimate, target))
        frames = [
            (np.fft.rfft(window * e[k : k + 512]), np.fft.rfft(window * s[k : k + 512]))
            for k in range(0, n, 128)
        ]
        E, S = (np.array(x) for x in zip(*frames))
        magnitude = (abs(S) ** 0.3 - abs(E) ** 0.3) ** 2
        phase = abs(abs(S) ** 0.3 * np.exp(1j * np.angle(S)) - abs(E) ** 0.3 * np.exp(1j * np.angle(E))) ** 2
        assert got[i].item() == pytest.approx((alpha * magnitude + (1 - alpha) * phase).mean(), rel=1e-3)


def test_compressed_spectral_does_not_depend_on_the_recording_level():
    (estimate, target), n = pair(), torch.full((3,), 4000)
    loss = build("loss", "compressed-spectral")
    assert torch.allclose(loss(0.2 * estimate, 0.2 * target, n), loss(estimate, target, n), rtol=1e-4)
    assert (
        loss(0.2 * estimate, target, n) > 2 * loss(estimate, target, n)
    ).all()  # but on the estimate's own


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_float32_inside_autocast(name):
    (estimate, target), n = pair(), torch.full((3,), 4000)
    with torch.autocast("cpu", torch.bfloat16):
        inside = build("loss", name)(estimate, target, n)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, build("loss", name)(estimate, target, n))


@pytest.mark.parametrize("name", NAMES)
def test_padding_and_company_do_not_matter(name):
    loss, (estimate, target) = build("loss", name), pair()
    lengths = torch.tensor([4000, 3000, 2000])
    together = loss(estimate, target, lengths)
    noisy = estimate.clone()
    noisy[1, 3000:] = 1e3
    assert torch.allclose(loss(noisy, target, lengths), together)
    alone = loss(estimate[2:, :2000], target[2:, :2000], lengths[2:])
    assert torch.allclose(alone, together[2:], atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("silent", ["target", "estimate", "both"])
def test_silence_gives_finite_loss_and_gradient(name, silent):
    estimate, target = pair()
    if silent in ("target", "both"):
        target = torch.zeros_like(target)
    if silent in ("estimate", "both"):
        estimate = torch.zeros_like(estimate)
    estimate.requires_grad_()
    loss = build("loss", name)(estimate, target, torch.full((3,), 4000))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert estimate.grad.isfinite().all()


def test_on_a_silent_target_quieter_is_better_down_to_the_floor():
    estimate, target = pair()
    loss, zero, n = build("loss", "si-sdr"), torch.zeros_like(target), torch.full((3,), 4000)
    assert (loss(estimate, zero, n) > loss(0.1 * estimate, zero, n)).all()
    assert loss(1e-5 * estimate, zero, n).abs().max() < 0.01


def test_a_worse_estimate_costs_more():
    estimate, target = pair()
    for name in NAMES:
        n = torch.full((3,), 4000)
        worse = target + 3 * (estimate - target)
        assert (build("loss", name)(worse, target, n) > build("loss", name)(estimate, target, n)).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("si-sdr", {"limit_db": 0}),
        ("snr", {"floor_db": 1}),
        ("compressed-spectral", {"power": 0}),
        ("si-sdr-compressed", {"weight": -1}),
    ],
)
def test_options_out_of_range_are_refused(name, options):
    with pytest.raises(ConfigError, match=name):
        build("loss", name, **options)


def test_snr_wants_the_level_too_and_si_sdr_does_not():
    target = torch.randn(1, 4000)
    for name, wants in (("snr", True), ("si-sdr", False)):
        loss = build("loss", name)
        quiet, right = (float(loss(gain * target, target, torch.tensor([4000]))) for gain in (0.5, 1.0))
        assert (quiet > right + 3) == wants
