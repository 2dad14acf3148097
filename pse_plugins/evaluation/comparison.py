"""Rows that were each trained several times, side by side: means, deviation over trainings, and what is certain."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

from ..data.lists import SAME_GENDER
from ..errors import DataError
from .cells import NONE, Table
from .results import GAIN
from .statistics import MIN_GROUPS, Estimate, bootstrap
from .tables import number

METRICS = ("si-sdr-improvement", "sdr", "pesq", "stoi")
"""What the tables show, as far as it was scored."""
_SAME_DB = 0.01


@dataclass(frozen=True)
class Trained:
    """A row: one recipe, trained once for each seed, and scored on one list.

    Parameters
    ----------
    name : str
        Of the row.
    items : dict
        Seed -> the items of its ``results.json`` under the row's own system.
    wrong : dict
        Seed -> the same under the wrong enrolment; empty where there is none.
    cost : dict
        ``"parameters"``, ``"macs"`` a second of audio, ``"rtf"``; what is known.
    mixture : list
        The items unprocessed, which are the same for all rows and seeds.
    course : dict
        Seed -> the validation of each epoch by name; what is known.
    settings : dict
        Seed -> the settings that decided its training; what is known.
    """

    name: str
    items: dict[int, list[dict[str, Any]]]
    wrong: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    mixture: list[dict[str, Any]] = field(default_factory=list)
    course: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    settings: dict[int, dict[str, Any]] = field(default_factory=dict)

    def values(self, metric: str, scenario: str, wrong: bool = False) -> tuple[np.ndarray, list[str]]:
        """Give each item's score by seed ``[seeds, items]``, NaN where it is not defined, and the items' speakers."""
        chosen = [
            [item for item in items if scenario in places(item)]
            for items in (self.wrong if wrong else self.items).values()
        ]
        rows = [[_number(item["values"].get(metric)) for item in items] for items in chosen]
        return np.array(rows, float), [item["speaker"] for item in chosen[0]] if chosen else []


def places(item: Mapping[str, Any]) -> list[str]:
    """Name the conditions that an item counts for: its own, and ``"babble, same gender"`` apart.

    Examples
    --------
    >>> places({"scenario": "babble", "competitor": "same gender"})
    ['babble', 'babble, same gender']
    """
    own = item["scenario"]
    return [own, f"{own}, {SAME_GENDER}"] if item.get("competitor") == SAME_GENDER else [own]


def read_row(name: str, results: Mapping[int, Path], cost: Mapping[str, float] | None = None) -> Trained:
    """Read the ``results.json`` of each seed of a row.

    Raises
    ------
    DataError
        If one is not what an evaluation wrote, or they are of different mixtures.
    """
    items: dict[int, list[dict[str, Any]]] = {}
    wrong: dict[int, list[dict[str, Any]]] = {}
    mixture: list[dict[str, Any]] = []
    for seed, path in results.items():
        try:
            found = json.loads(path.read_text("utf-8"))["items"]
            items[seed] = [i for i in found if i["system"] in ("right enrolment", "enhanced")]
            strangers = [i for i in found if i["system"] == "wrong enrolment"]
            before, mixture = mixture, [i for i in found if i["system"] == "mixture"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: not the results of an evaluation; remove its folder and score again"
            ) from error
        check_same_mixtures(f"{name}, seed {seed},", mixture, before)
        if strangers:
            wrong[seed] = strangers
    return Trained(name, items, wrong, dict(cost or {}), mixture)


def check_one_list(rows: Sequence[Trained]) -> None:
    """Refuse to compare what was scored on different mixtures.

    Raises
    ------
    DataError
        That names the row.
    """
    first: list[str] | None = None
    for row in rows:
        for seed, items in row.items.items():
            ids = [item["id"] for item in items]
            first = first or ids
            if ids != first:
                raise _another_list(f"{row.name}, seed {seed},", rows[0].name)
        check_same_mixtures(row.name, row.mixture, rows[0].mixture, rows[0].name)


def check_same_mixtures(
    name: str, mine: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], other: str = "the rest"
) -> None:
    """Refuse scores of mixtures that go by the same names and do not sound the same.

    Parameters
    ----------
    name, other : str
        Whose they are.
    mine, others : sequence of mapping
        The items unprocessed; empty where they are not known.

    Raises
    ------
    DataError
        If the signal-to-distortion ratio of one differs.
    """
    for a, b in zip(mine, others):
        heard, expected = (_number(item["values"].get("sdr")) for item in (a, b))
        if a["id"] != b["id"] or abs(heard - expected) > _SAME_DB:
            raise _another_list(name, other)


def _another_list(name: str, other: str) -> DataError:
    return DataError(
        f"{name} was scored on another test list than {other}; give all rows one test_seed and one test set"
    )


def comparison(rows: Sequence[Trained], scenario: str, reference: str) -> Table:
    """Lay out a condition's table, the unprocessed mixture first; `sample` and `legend` say the same to who reads it.

    Columns: parameters, multiply-accumulates a second, real-time factor; each metric's mean over trainings and items,
    with the 95 % interval over speakers and the deviation over trainings; SI-SDR improvement and SDR above the
    reference, item by item over the seeds that both have, each with the probability, by a one-tailed Welch test over
    trainings, that the row is not better than the reference; and how much better the right enrolment is than the wrong.
    """
    metrics = _metrics(rows, scenario)
    head = [
        "row",
        "M",
        "MMAC/s",
        "RTF",
        *(_NAMES[m] for m in metrics),
        "sd",
        *(column for m in _compared(metrics) for column in (f"{_plain(m)} above", f"p ({_plain(m)})")),
        "right over wrong",
    ]
    by_name = {row.name: row for row in rows}
    base = by_name.get(reference)
    mixture = Trained(MIXTURE, {0: rows[0].mixture})
    means = [number(estimate(*mixture.values(m, scenario)), m) for m in metrics]
    floor = (
        [[MIXTURE, *_cost({}), *means, *[""] * (2 + 2 * len(_compared(metrics)))]] if rows[0].mixture else []
    )
    return Table(
        f"{scenario}; reference: {reference}",
        head,
        floor + [_cells(row, base, scenario, metrics) for row in rows],
    )


MIXTURE = "mixture, unprocessed"
_NAMES = {GAIN: "SI-SDRi (dB)", "sdr": "SDR (dB)", "pesq": "PESQ", "stoi": "STOI"}


def _plain(metric: str) -> str:
    return _NAMES[metric].removesuffix(" (dB)")


def _compared(metrics: Sequence[str]) -> list[str]:
    """Of what is shown, say what rows are compared with the reference by."""
    return [metric for metric in metrics if metric in (GAIN, "sdr")]


def _metrics(rows: Sequence[Trained], scenario: str) -> list[str]:
    return [m for m in METRICS if any(np.isfinite(r.values(m, scenario)[0]).any() for r in rows)]


def sample(rows: Sequence[Trained], scenario: str) -> str:
    """Say on how much a condition's table rests."""
    _, speakers = rows[0].values(GAIN, scenario)
    own, _, apart = scenario.partition(", ")
    part = f", those of {own} with a competitor of the target's gender" if apart else ""
    drawn = "whole speakers" if len(set(speakers)) >= MIN_GROUPS else "items (there are few speakers)"
    return (
        f"{len(speakers)} items of {len(set(speakers))} speakers{part}, the same for all rows and seeds. Brackets: "
        f"95 % bootstrap interval, {drawn} drawn again."
    )


def legend(reference: str) -> list[str]:
    """Say what the columns of the tables are, a line each."""
    return [
        "M: million parameters of the backbone; MMAC/s: million multiply-accumulates for a second of audio; RTF: time "
        "that a second of audio takes, in s, offline on one core, beside whatever else the machine did.",
        "SI-SDRi, SDR, PESQ, STOI: mean over seeds and items; SI-SDRi is SI-SDR above the mixture's.",
        "sd: deviation of SI-SDRi over seeds in dB; in parentheses how many seeds.",
        f"SI-SDRi above, SDR above: above {reference}'s in dB, item by item, over the seeds that both have.",
        "p (SI-SDRi), p (SDR): how probable it is that trainings differ by as much in the row's favour if it is no "
        "better (one-tailed Welch test over two seeds at least).",
        "right over wrong: SI-SDRi with the target enrolled above that with somebody else enrolled, in dB.",
    ]


def _cells(row: Trained, base: Trained | None, scenario: str, metrics: Sequence[str]) -> list[str]:
    """Write a row."""
    gains, _ = row.values(GAIN, scenario)
    means = [number(estimate(*row.values(m, scenario)), m) for m in metrics]
    count = f" ({len(row.items)})"
    spread = f"{np.nanmean(gains, axis=1).std(ddof=1):.2f}{count}" if len(gains) > 1 else f"{NONE}{count}"
    compared: list[str] = []
    for metric in _compared(metrics):
        if base is None or base is row:
            compared += ["", ""]
        else:
            compared += [_above(row, base, scenario, metric), _chance(row, base, scenario, metric)]
    return [row.name, *_cost(row.cost), *means, spread, *compared, _margin(row, scenario)]


def _cost(cost: Mapping[str, float]) -> list[str]:
    known = {"parameters": (1e-6, 3), "macs": (1e-6, 1), "rtf": (1.0, 4)}
    return [f"{cost[k] * scale:.{digits}f}" if k in cost else NONE for k, (scale, digits) in known.items()]


def estimate(values: np.ndarray, speakers: Sequence[str]) -> Estimate:
    """Average scores ``[seeds, items]`` over trainings, then items, with the interval over speakers."""
    return bootstrap(values.mean(0).tolist() if values.size else [], speakers)


def _above(row: Trained, base: Trained, scenario: str, metric: str) -> str:
    """Average the difference to the reference, over the seeds that both have."""
    ours, theirs = (dict(zip(r.items, r.values(metric, scenario)[0])) for r in (row, base))
    differences = np.array([ours[seed] - theirs[seed] for seed in ours if seed in theirs])
    found = estimate(differences, row.values(metric, scenario)[1])
    interval = f" [{found.low:+.2f}, {found.high:+.2f}]" if math.isfinite(found.low) else ""
    return NONE if math.isnan(found.mean) else f"{found.mean:+.2f}{interval}"


def _chance(row: Trained, base: Trained, scenario: str, metric: str) -> str:
    """Test trainings against trainings: says something of how they vary, nothing of other speakers."""
    ours, theirs = (np.nanmean(r.values(metric, scenario)[0], axis=1) for r in (row, base))
    if min(len(ours), len(theirs)) < 2:
        return NONE
    return f"{ttest_ind(ours, theirs, equal_var=False, alternative='greater').pvalue:.3f}"


def _margin(row: Trained, scenario: str) -> str:
    if not row.wrong:
        return NONE
    right, speakers = row.values(GAIN, scenario)
    wrong, _ = row.values(GAIN, scenario, wrong=True)
    return number(estimate(right[: len(wrong)] - wrong, speakers), GAIN)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
