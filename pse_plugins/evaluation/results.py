"""What an evaluation found: scores of every item, their means, and how they were made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .statistics import Estimate, bootstrap

SCHEMA = 1
"""Version of ``results.json``."""

SNR_BINS = ((-10.0, 0.0), (0.0, 5.0), (5.0, 20.0))
"""Bins of the breakdown by SNR, in dB: from, to (exclusive)."""


@dataclass(frozen=True)
class Score:
    """One item under one system.

    Parameters
    ----------
    model, system, id, scenario, speaker : str
        Which; ``system`` is a row of the tables, such as ``"right enrolment"``.
    snr : float
        In dB.
    values : dict
        Metric -> score, NaN where it is not defined.
    """

    model: str
    system: str
    id: str
    scenario: str
    speaker: str
    snr: float
    values: dict[str, float]


@dataclass
class Results:
    """All scores of an evaluation.

    Parameters
    ----------
    scores : list of Score
    metrics : dict
        Metric -> unit, in the order of the tables.
    about : dict
        Command, seed, list, versions, machine.
    remarks : dict
        Metric -> why it has no scores.
    """

    scores: list[Score]
    metrics: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """Names of the models, in order."""
        return list(dict.fromkeys(s.model for s in self.scores))

    @property
    def scenarios(self) -> list[str]:
        """Names of the conditions, in order."""
        return list(dict.fromkeys(s.scenario for s in self.scores))

    def systems(self, model: str) -> list[str]:
        """Rows of a model's table, in order."""
        return list(dict.fromkeys(s.system for s in self.scores if s.model == model))

    def pick(
        self, model: str, system: str, scenario: str | None = None, snr: tuple[float, float] | None = None
    ) -> list[Score]:
        """Select scores; None takes all conditions or all SNRs."""
        found: Iterable[Score] = (s for s in self.scores if s.model == model and s.system == system)
        found = (s for s in found if scenario in (None, s.scenario))
        return [s for s in found if snr is None or snr[0] <= s.snr < snr[1]]

    def mean(self, metric: str, scores: Sequence[Score]) -> Estimate:
        """Average a metric over some scores, with its interval over speakers."""
        return bootstrap([s.values.get(metric, math.nan) for s in scores], [s.speaker for s in scores])

    def failures(self, scores: Sequence[Score]) -> float:
        """Give the share of items whose SI-SDR improves by less than 1 dB: nobody, or somebody else, was kept."""
        gains = [s.values.get("si-sdr-improvement", math.nan) for s in scores]
        known = [g for g in gains if not math.isnan(g)]
        return sum(g < 1 for g in known) / len(known) if known else math.nan

    def margin(self, model: str, scenario: str | None) -> Estimate:
        """Average by how much the right enrolment is better than the wrong one, in dB SI-SDR."""
        wrong = {
            s.id: s.values.get("si-sdr", math.nan) for s in self.pick(model, "wrong enrolment", scenario)
        }
        right = self.pick(model, "right enrolment", scenario)
        differences = [s.values.get("si-sdr", math.nan) - wrong.get(s.id, math.nan) for s in right]
        return bootstrap(differences, [s.speaker for s in right])

    def summary(self) -> list[dict[str, Any]]:
        """List every mean: by model, system, condition, SNR bin and metric."""
        rows = []
        for model in self.models:
            for system in self.systems(model):
                for scenario in [None, *self.scenarios]:
                    for snr in [None, *SNR_BINS]:
                        scores = self.pick(model, system, scenario, snr)
                        if scores:
                            rows.append(self._row(model, system, scenario, snr, scores))
        return rows

    def _row(
        self,
        model: str,
        system: str,
        scenario: str | None,
        snr: tuple[float, float] | None,
        scores: list[Score],
    ) -> dict[str, Any]:
        failures = self.failures(scores)
        return {
            "model": model,
            "system": system,
            "scenario": scenario or "all",
            "snr": list(snr) if snr else "all",
            "failure_rate": None if math.isnan(failures) else failures,
            **{metric: self.mean(metric, scores).as_dict() for metric in self.metrics},
        }

    def save(self, path: Path) -> None:
        """Write all of it as JSON."""
        items = [{**vars(s), "values": _without_nan(s.values)} for s in self.scores]
        margins = {
            m: {s: self.margin(m, s).as_dict() for s in self.scenarios}
            for m in self.models
            if "wrong enrolment" in self.systems(m)
        }
        content = {
            "schema": SCHEMA,
            "about": self.about,
            "remarks": self.remarks,
            "summary": self.summary(),
            "right_minus_wrong": margins,
            "items": items,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _without_nan(values: dict[str, float]) -> dict[str, float | None]:
    """Write NaN as JSON's null."""
    return {name: None if math.isnan(value) else value for name, value in values.items()}
