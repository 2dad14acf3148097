"""Means with bootstrap intervals that resample speakers, not utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DRAWS = 2000
"""Bootstrap resamples."""

MIN_GROUPS = 5
"""Speakers needed to resample speakers; with fewer, items are."""

FAILURE_DB = 1.0
"""An item whose SI-SDR improves by less counts as failed: nobody, or somebody else, was kept."""


@dataclass(frozen=True)
class Estimate:
    """A mean over items.

    Parameters
    ----------
    mean, low, high : float
        The mean and its 95 % percentile interval; NaN without items, the interval also with a single one.
    count, skipped : int
        Items averaged, and items left out as their score is not finite.
    resampled : str
        What the interval was made by drawing again: ``"speakers"``, ``"items"`` or, without one, ``""``.
    """

    mean: float
    low: float
    high: float
    count: int
    skipped: int
    resampled: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, what is not finite as None."""
        return {k: finite(v) if isinstance(v, float) else v for k, v in asdict(self).items()}


def finite(value: float) -> float | None:
    """Give None for what JSON cannot hold: NaN and the infinities."""
    return float(value) if np.isfinite(value) else None


def bootstrap(values: Sequence[float], groups: Sequence[str], seed: int = 0) -> Estimate:
    """Average values, with an interval from resampling whole groups (speakers) with replacement.

    Items of one speaker are alike; taking them for independent would make intervals too narrow. With fewer than
    five groups items are resampled instead (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13).

    Parameters
    ----------
    values : sequence of float
        One an item; what is not finite is left out and counted.
    groups : sequence of str
        The speaker of each.
    seed : int
        Of the resampling.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> e = bootstrap([1.0, 2.0, 3.0, float("nan")], ["a", "a", "b", "b"])
    >>> e.mean, e.count, e.skipped, e.resampled, bool(e.low <= 2 <= e.high)
    (2.0, 3, 1, 'items', True)
    """
    return pooled(values, np.ones(len(values)), groups, seed)


def pooled(
    parts: Sequence[float], wholes: Sequence[float] | np.ndarray, groups: Sequence[str], seed: int = 0
) -> Estimate:
    """Divide the sum of all parts by the sum of all wholes, with an interval as `bootstrap` makes it.

    A word error rate is this, and not the mean of the items' own rates, in which a short item would count as much
    as a long one.

    Parameters
    ----------
    parts : sequence of float
        One an item; an item whose part is not finite is left out and counted.
    wholes : sequence of float
        One an item, above 0.
    groups, seed
        As `bootstrap`.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> pooled([1.0, 2.0], [2.0, 18.0], ["a", "b"]).mean
    0.15
    """
    x, w = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    valid = np.isfinite(x)
    skipped, x, w = int((~valid).sum()), x[valid], w[valid]
    if x.size < 2:
        return Estimate(float(x[0] / w[0]) if x.size else np.nan, np.nan, np.nan, int(x.size), skipped)
    names, index = np.unique(np.asarray(groups)[valid], return_inverse=True)
    what = "speakers" if len(names) >= MIN_GROUPS else "items"
    if what == "items":
        index = np.arange(x.size)
    sums, weights = np.bincount(index, x), np.bincount(index, w)  # [K], [K]
    draws = np.random.default_rng(seed).integers(len(sums), size=(DRAWS, len(sums)))
    ratios = sums[draws].sum(1) / weights[draws].sum(1)  # [DRAWS]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Estimate(float(x.sum() / w.sum()), float(low), float(high), int(x.size), skipped, what)


def failure_rate(gains: Sequence[float]) -> float:
    """Give the share of items whose SI-SDR improvement in dB is below `FAILURE_DB`; NaN if none is known.

    Examples
    --------
    >>> failure_rate([0.5, 2.0, 3.0, float("nan"), 9.0])
    0.25
    """
    x = np.asarray(gains, dtype=np.float64)
    x = x[np.isfinite(x)]
    return float((x < FAILURE_DB).mean()) if x.size else float("nan")
