"""Checks of metrics."""

from __future__ import annotations

import math

import numpy as np

from ..array_rigs import MetricRig, speech_like
from ..verdict import demand


def declarations(rig: MetricRig) -> None:
    """It declares its unit and its direction."""
    metric = rig.build()
    demand(isinstance(getattr(metric, "unit", None), str), "unit is not declared as text ('dB', or '')")
    demand(
        isinstance(getattr(metric, "higher_is_better", None), bool),
        "higher_is_better is not declared as a bool",
    )


def gives_a_number(rig: MetricRig) -> None:
    """Speech at 8 and 16 kHz gets a float that is finite."""
    for rate in (8000, 16000):
        score = rig.score(noise=0.3, rate=rate)
        demand(type(score) is float, f"a {type(score).__name__} comes out, not a float")
        demand(math.isfinite(score), f"noisy speech at {rate} Hz gets {score}")


def direction_as_declared(rig: MetricRig) -> None:
    """Less noise scores better, in the declared direction."""
    better, worse = rig.score(noise=0.05), rig.score(noise=0.8)
    gain = better - worse if rig.build().higher_is_better else worse - better
    demand(gain > 0, f"little noise gets {better:.4g}, much {worse:.4g}: that is not the declared direction")


def arrays_untouched(rig: MetricRig) -> None:
    """The arrays are left as they were."""
    given = [speech_like(16000, pitch) for pitch in (120.0, 125.0, 130.0)]
    before = [array.copy() for array in given]
    rig.build()(given[0], given[1], given[2], 16000)
    demand(all(map(np.array_equal, given, before)), "an array is written to")


def repeatable(rig: MetricRig) -> None:
    """The same signals get the same score, within a millionth."""
    difference = abs(rig.score(noise=0.3) - rig.score(noise=0.3))
    demand(
        difference <= 1e-6,
        f"two runs on the same signals give scores {difference:.3g} apart; other comparisons may fail because of it",
    )


def silence_is_not_scored(rig: MetricRig) -> None:
    """A silent target gets NaN from a metric that reads the target, never a made-up number."""
    metric, estimate, other = rig.build(), speech_like(16000), speech_like(16000, pitch=180.0)
    reads_target = metric(estimate, other, estimate, 16000) != rig.score(noise=0.0)
    score = metric(estimate, np.zeros_like(estimate), estimate, 16000)
    demand(math.isnan(score) or not reads_target, f"a silent target gets {score:.4g} instead of NaN")
    silent = metric(np.zeros_like(estimate), estimate, estimate, 16000)
    demand(isinstance(silent, float) and not math.isinf(silent), f"a silent estimate gets {silent!r}")
