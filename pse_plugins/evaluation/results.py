"""What an evaluation found: scores of every item, their means, and how they were made."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .statistics import Estimate, bootstrap, failure_rate, finite
from .word_rates import WordRates

SCHEMA = 1
"""Version of ``results.json``."""

RIGHT, WRONG = "right enrolment", "wrong enrolment"
SYSTEMS = ("mixture", WRONG, RIGHT, "enhanced", "oracle mask")
"""Rows of the tables, from the floor to the ceiling; ``enhanced`` is a model that needs no enrolment."""

SNR_BINS = ((-math.inf, 0.0), (0.0, 5.0), (5.0, math.inf))
"""Bins of the breakdown by SNR, in dB: from, to (exclusive)."""

GAIN = "si-sdr-improvement"

Place = tuple[str | None, tuple[float, float] | None, str | None]
"""A condition, an SNR bin, and a competitor's gender; None for all."""


@dataclass(frozen=True)
class Score:
    """One item under one system.

    Parameters
    ----------
    model : str
        Which model; empty for a system that is the same for all: the mixture, and the oracle of a shared frontend.
    system : str
        One of `SYSTEMS`, or ``"enrolment: ..."``, which stands for another enrolment of the same voice.
    id, scenario, speaker : str
        Of the item.
    snr : float
        In dB.
    values : dict
        Metric -> score, NaN where it is not defined.
    problems : dict
        Metric -> why it has no score.
    competitor : str
        ``"same gender"`` or ``"other gender"`` as the target, where somebody else speaks; empty where it is not known.
    """

    model: str
    system: str
    id: str
    scenario: str
    speaker: str
    snr: float
    values: dict[str, float]
    problems: dict[str, str] = field(default_factory=dict)
    competitor: str = ""


@dataclass
class Results:
    """All scores of an evaluation.

    Parameters
    ----------
    scores : list of Score
        In the list's order.
    metrics : dict
        Metric -> unit, in the order of the tables.
    models : list of str
        Names of the models, in the order of the tables.
    about : dict
        Command, seed, list, versions, machine.
    remarks : dict
        Metric -> why it could not be used at all.
    seed : int
        Of the bootstrap.
    words : WordRates or None
        What a recogniser heard; None if none was asked for.
    """

    scores: list[Score]
    metrics: dict[str, str]
    models: list[str]
    about: dict[str, Any] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    words: WordRates | None = None

    @property
    def scenarios(self) -> list[str]:
        """Names of the conditions, in order."""
        return list(dict.fromkeys(s.scenario for s in self.scores))

    def rows(self) -> list[tuple[str, str]]:
        """List (model, system) as the tables do: mixture, each model's rows, oracle; shared ones name no model."""
        found = {(s.model, s.system) for s in self.scores}
        others = dict.fromkeys(s.system for s in self.scores if s.system not in SYSTEMS)
        own = [(m, s) for m in self.models for s in [*SYSTEMS[1:-1], *others]]
        ends = [[(m, s) for m in ["", *self.models]] for s in (SYSTEMS[0], SYSTEMS[-1])]
        return [row for row in [*ends[0], *own, *ends[1]] if row in found]

    def systems(self, model: str) -> list[str]:
        """List the rows that exist for a model, shared ones among them."""
        return [s for m, s in self.rows() if m in (model, "")]

    def system(self, model: str) -> str | None:
        """Name the row that a model is judged by; None if it was left out."""
        return next((s for s in (RIGHT, "enhanced") if s in self.systems(model)), None)

    def pick(
        self,
        model: str,
        system: str,
        scenario: str | None = None,
        snr: tuple[float, float] | None = None,
        competitor: str | None = None,
    ) -> list[Score]:
        """Select a row's scores, in the list's order; None takes all conditions, SNRs and competitors."""
        low, high = snr or (-math.inf, math.inf)
        found = [s for s in self.scores if s.system == system and s.model in (model, "")]
        found = [s for s in found if scenario in (None, s.scenario) and low <= s.snr < high]
        return [s for s in found if competitor in (None, s.competitor)]

    def mean(self, metric: str, scores: Sequence[Score]) -> Estimate:
        """Average a metric over some scores, with its interval over speakers."""
        return bootstrap(
            [s.values.get(metric, math.nan) for s in scores], [s.speaker for s in scores], self.seed
        )

    def failures(self, scores: Sequence[Score]) -> float:
        """Give the share of items whose SI-SDR improves by less than 1 dB: nobody, or somebody else, was kept.

        Clean items do not count, as there is nothing to gain. NaN where none is left.
        """
        return failure_rate([s.values.get(GAIN, math.nan) for s in scores if s.scenario != "clean"])

    def margin(self, model: str, scenario: str | None, metric: str = GAIN) -> Estimate:
        """Average by how much the right enrolment is better than the wrong one, item by item."""
        return self.difference(model, (RIGHT, WRONG), scenario, metric)

    def difference(
        self, model: str, systems: tuple[str, str], scenario: str | None, metric: str = GAIN
    ) -> Estimate:
        """Average by how much a metric of one row is above that of another, item by item."""
        ours, theirs = (self.pick(model, system, scenario) for system in systems)
        pairs = list(zip(ours, theirs))
        differences = [a.values.get(metric, math.nan) - b.values.get(metric, math.nan) for a, b in pairs]
        return bootstrap(differences, [a.speaker for a, _ in pairs], self.seed)

    def bins(self, scenario: str | None = None) -> list[tuple[float, float]]:
        """List the SNR bins in which a condition has items."""
        snrs = [s.snr for s in self.scores if scenario in (None, s.scenario)]
        return [b for b in SNR_BINS if any(b[0] <= snr < b[1] for snr in snrs)]

    def competitors(self, scenario: str) -> list[str]:
        """List what is known of the competing speakers of a condition."""
        return sorted({s.competitor for s in self.scores if s.scenario == scenario} - {""}, reverse=True)

    def summary(self) -> list[dict[str, Any]]:
        """List every mean: by model, system, condition, SNR bin, competitor's gender and metric."""
        places: list[Place] = [(c, b, None) for c in [None, *self.scenarios] for b in [None, *self.bins(c)]]
        places += [(c, None, other) for c in self.scenarios for other in self.competitors(c)]
        return [self._entry(m, s, place) for m, s in self.rows() for place in places]

    def _entry(self, model: str, system: str, place: Place) -> dict[str, Any]:
        scenario, snr, competitor = place
        scores = self.pick(model, system, *place)
        return {
            "model": model,
            "system": system,
            "scenario": scenario or "all",
            "snr": bin_label(snr) if snr else "all",
            "competitor": competitor or "all",
            "failure_rate": finite(self.failures(scores)),
            **{metric: self.mean(metric, scores).as_dict() for metric in self.metrics},
        }

    def save(self, path: Path) -> None:
        """Write all of it as JSON."""
        margins = {
            model: {
                scenario or "all": {m: self.margin(model, scenario, m).as_dict() for m in self.metrics}
                for scenario in [None, *self.scenarios]
            }
            for model in self.models
            if {RIGHT, WRONG} <= set(self.systems(model))
        }
        items = [{**vars(s), "values": {m: finite(v) for m, v in s.values.items()}} for s in self.scores]
        content = {
            "schema": SCHEMA,
            "about": self.about,
            "bootstrap_seed": self.seed,
            "metrics": self.metrics,
            "remarks": self.remarks,
            "summary": self.summary(),
            "right_minus_wrong": margins,
            "words": self.words and self.words.as_dict(),
            "items": items,
        }
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def bin_label(bounds: tuple[float, float]) -> str:
    """Name an SNR bin.

    Examples
    --------
    >>> [bin_label(b) for b in SNR_BINS]
    ['below 0 dB', '0 to 5 dB', 'from 5 dB']
    """
    low, high = bounds
    if math.isinf(low):
        return f"below {high:g} dB"
    return f"from {low:g} dB" if math.isinf(high) else f"{low:g} to {high:g} dB"
