"""Means with bootstrap intervals that resample speakers, not utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DRAWS = 2000
"""Bootstrap resamples."""


@dataclass(frozen=True)
class Estimate:
    """A mean over items.

    Parameters
    ----------
    mean, low, high : float
        The mean and its 95 % percentile interval; NaN without items.
    count, skipped : int
        Items averaged, and items left out as the score is not defined on them.
    """

    mean: float
    low: float
    high: float
    count: int
    skipped: int

    def as_dict(self) -> dict[str, Any]:
        """Give plain numbers, NaN as None."""
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}


def bootstrap(values: Sequence[float], groups: Sequence[str], seed: int = 0) -> Estimate:
    """Average values, with an interval from resampling whole groups (speakers) with replacement.

    Items of one speaker are alike; taking them for independent would make intervals too narrow. With fewer than
    five groups items are resampled instead.

    Parameters
    ----------
    values : sequence of float
        One an item; NaN is left out and counted.
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
    >>> e.mean, e.count, e.skipped, bool(e.low <= 2 <= e.high)
    (2.0, 3, 1, True)
    """
    x = np.asarray(values, dtype=np.float64)
    valid = ~np.isnan(x)
    skipped, x = int((~valid).sum()), x[valid]
    if not x.size:
        return Estimate(np.nan, np.nan, np.nan, 0, skipped)
    names, index = np.unique(np.asarray(groups)[valid], return_inverse=True)
    if len(names) < 5:
        names, index = np.arange(x.size), np.arange(x.size)
    sums, counts = np.bincount(index, x), np.bincount(index)
    draws = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(x.mean()), float(low), float(high), int(x.size), skipped)
