"""A component at work: in a small enhancer it trains by its name, streams as it runs offline, and is saved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from .. import bundle, host
from ..assembly import build_enhancer
from ..enhancer import Enhancer
from .array_rigs import speech_like
from .kit import Result, check_expected, described, judge
from .returns import tensor_of, watch
from .verdict import demand

SMALL: dict[str, Any] = {
    "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
    "speaker_encoder": "gru-siamese",
    "speaker_encoder_options": {"hidden": 8},
    "conditioner": "film",
    "backbone": "gru",
    "backbone_options": {"hidden": 12},
}
"""The enhancer around a component, unless a configuration says otherwise."""


def integrate(
    kind: str, name: str, *, expected_failures: Mapping[str, str] | None = None, **config: Any
) -> list[Result]:
    """Put a component into a small enhancer, by its name, and see that it trains, streams and is saved.

    Parameters
    ----------
    kind, name : str
        As `pse_plugins.build` takes them. Metrics and recognisers have no part in an enhancer.
    expected_failures : mapping, optional
        Check name -> why the component fails it.
    **config
        What else a recipe would say: ``backbone="transformer"``, ``conditioner_options={"heads": 2}``.

    Returns
    -------
    list of Result
        One a check.

    Raises
    ------
    ComponentError
        If a component cannot be found.
    ConfigError
        If an expected failure names no check.

    Examples
    --------
    >>> [f"{result.check} {result.outcome}" for result in integrate("conditioner", "film")]
    ['trains passed', 'streams passed', 'is-saved passed']
    """
    expected = dict(expected_failures or {})
    check_expected(kind, expected, steps(kind))
    host.load(kind, name)
    return [
        judge(check, partial(_examine, check, kind, name, config), expected.get(check))
        for check in steps(kind)
    ]


def steps(kind: str) -> dict[str, str]:
    """Name what is checked of a kind in an enhancer, and what each check demands."""
    return {check: (_STEPS[check].__doc__ or "").strip() for check in _CHECKS.get(kind, ())}


def integration(
    kind: str, name: str, *, expected_failures: Mapping[str, str] | None = None, **config: Any
) -> Callable[[str], None]:
    """Make a test for pytest of `integrate`, one case a check; arguments as there.

    Returns
    -------
    callable
        To be bound to a name that starts with ``test_`` in a test module.
    """
    import pytest

    expected = dict(expected_failures or {})
    check_expected(kind, expected, steps(kind))

    @pytest.mark.parametrize("check", list(steps(kind)))
    def test(check: str) -> None:
        result = judge(check, partial(_examine, check, kind, name, config), expected.get(check))
        if not result.ok:
            pytest.fail(f"{kind} {name!r} in an enhancer: {check}: {result.message}", pytrace=False)

    return test


def small_enhancer(**config: Any) -> Enhancer:
    """Build a small random enhancer in evaluation mode.

    Parameters
    ----------
    **config
        As `build_enhancer`; what is not said is as in `SMALL`. Where another component is named, the options of
        the small one are not passed to it.
    """
    small = dict(SMALL)
    for kind in ("speaker_encoder", "conditioner", "backbone"):
        if config.get(kind, small[kind]) != small[kind]:
            small.pop(f"{kind}_options", None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_enhancer({**small, **config}).eval()


def trains(config: dict[str, Any]) -> None:
    """One small step of training along the gradient, which is finite, lowers the loss."""
    loss = host.build("loss", config.pop("loss", "si-sdr"), **config.pop("loss_options", {}))
    enhancer = _watched_enhancer(config).train()
    target, noise = (0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    enrolment, lengths = (_clips(2), torch.full((2, 2), 16000)) if enhancer.needs_cue else (None, None)

    def measure() -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same dropout each time
            found = enhancer(target + noise, enrolment=enrolment, enrolment_lengths=lengths)
        value = tensor_of(loss(found.estimate, target, torch.full((2,), 8000)), "[B]", "the loss")
        return value.mean() + sum(found.losses.values())

    before = measure()
    before.backward()
    learning = {name: p.grad for name, p in enhancer.named_parameters() if p.grad is not None}
    for name, gradient in learning.items():
        demand(gradient.isfinite().all(), f"the gradient of {name} is not finite")
    length = torch.stack([gradient.norm() for gradient in learning.values()]).norm()
    demand(length > 0, "no gradient reaches any weight")
    with torch.no_grad():
        for name, gradient in learning.items():
            enhancer.get_parameter(name).sub_(0.01 * gradient / length)
        gain = float(before - measure())
    demand(
        gain > 0,
        f"a small step along the gradient makes the loss of {float(before.detach()):.6g} {-gain:.3g} larger",
    )


def streams(config: dict[str, Any]) -> str | None:
    """Blocks of any size give the samples of the offline forward, within 1e-4."""
    enhancer = _watched_enhancer(config)
    if not enhancer.backbone.can_stream:
        return "the backbone declares that it cannot stream"
    profile = enhancer.enrol(list(_clips(1)[0].numpy()), 16000) if enhancer.needs_cue else None
    signal = speech_like(enhancer.sample_rate, seconds=1.0)
    with torch.inference_mode():
        cue = None if profile is None else profile.cue
        offline = enhancer(torch.from_numpy(signal)[None], cue, as_stream=True).estimate[0].numpy()
    for seed in range(3):
        cuts = np.sort(np.random.default_rng(seed).integers(0, len(signal), 30))
        stream = enhancer.stream(profile)
        streamed = np.concatenate([*map(stream.feed, np.split(signal, cuts)), stream.flush()])
        demand(streamed.shape == offline.shape, f"{streamed.size} samples come out for {offline.size}")
        gap = float(np.abs(streamed - offline).max())
        demand(gap <= 1e-4, f"streamed and offline differ by {gap:.3g}")
    return None


def is_saved(config: dict[str, Any]) -> None:
    """A bundle of the enhancer, loaded by names, gives the same samples."""
    enhancer, signal = _watched_enhancer(config), torch.from_numpy(speech_like(16000, seconds=0.5))[None]
    lengths = torch.full((1, 2), 16000)
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)  # what is not in the bundle is drawn anew
        loaded = bundle.load(bundle.save(enhancer, f"{folder}/bundle"))
    with torch.inference_mode():
        both = [
            e(signal, e.embed(_clips(1), lengths) if e.needs_cue else None).estimate
            for e in (enhancer, loaded)
        ]
    demand(torch.equal(*both), "the loaded enhancer gives other samples than the one that was saved")


_STEPS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "trains": trains,
    "streams": streams,
    "is-saved": is_saved,
}
_CHECKS = {
    **dict.fromkeys(("speaker_encoder", "conditioner", "backbone"), tuple(_STEPS)),
    "loss": ("trains",),
}


def _examine(check: str, kind: str, name: str, config: dict[str, Any]) -> str | None:
    return described(lambda: _STEPS[check]({kind: name, **config}))


def _watched_enhancer(config: dict[str, Any]) -> Enhancer:
    """Build a small enhancer in which what each component returns is watched."""
    enhancer = small_enhancer(**config)
    for module in (*enhancer.modules(), enhancer.speaker_encoder):
        watch(module)
    return enhancer


def _clips(batch: int) -> torch.Tensor:
    """Make two clips of a second for each of some voices, ``[B, 2, S]`` at 16 kHz."""
    voices = [[speech_like(16000, 100.0 + 40 * b + 3 * q, 1.0) for q in range(2)] for b in range(batch)]
    return torch.from_numpy(np.array(voices))
