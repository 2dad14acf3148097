"""What tables are made of: text cells, numbers with their intervals, names of metrics and rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .results import GAIN, Results
from .statistics import Estimate

NONE = "-"
"""What a cell says that has no number."""

MISSING = "not installed"
"""What a metric's cells say when it could not be used; a note says why."""

NAMES = {GAIN: "SI-SDRi", "si-sdr": "SI-SDR", "sdr": "SDR", "pesq": "PESQ", "stoi": "STOI", "estoi": "ESTOI"}
_DIGITS = {"stoi": 3, "estoi": 3, "wer": 1}


@dataclass(frozen=True)
class Table:
    """Text cells under a heading.

    Parameters
    ----------
    title : str
    head : list of str
    rows : list of list of str
        A mean with its interval reads ``6.12 [5.80, 6.44]``.
    """

    title: str
    head: list[str]
    rows: list[list[str]]


def number(estimate: Estimate, metric: str) -> str:
    """Write a mean with its interval, as ``6.12 [5.80, 6.44]``.

    Examples
    --------
    >>> number(Estimate(6.123, 5.8, 6.44, 20, 0), "sdr"), number(Estimate(0.0, 0.0, 0.0, 20, 0), "sdr")
    ('6.12 [5.80, 6.44]', '0.00')
    """
    if math.isnan(estimate.mean):
        return NONE
    digits = _DIGITS.get(metric, 2)
    mean, low, high = (
        f"{round(x, digits) + 0.0:.{digits}f}" for x in (estimate.mean, estimate.low, estimate.high)
    )
    certain = math.isnan(estimate.low) or estimate.low == estimate.high
    return mean if certain else f"{mean} [{low}, {high}]"


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return NONE if math.isnan(share) else f"{100 * share:.0f} %"


def label(results: Results, metric: str) -> str:
    """Name a metric as papers do, with its unit."""
    name, unit = NAMES.get(metric, metric), results.metrics[metric]
    return f"{name} ({unit})" if unit else name


def row_label(results: Results, model: str, system: str) -> str:
    """Name a row; the model only where there are several."""
    return f"{model}: {system}" if model and len(results.models) > 1 else system
