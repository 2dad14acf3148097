"""Word error rates of an evaluation: pooled over items, with intervals over speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .recognition import Listener
from .statistics import Estimate, pooled
from .words import RULE, WordErrors

CLEAN = "clean target"
"""The row of what was to be kept: its errors are the recogniser's own."""

KINDS = ("errors", "substitutions", "deletions", "insertions")
"""What is counted; deletions tell of speech that was suppressed, insertions of speech that was left in."""


@dataclass(frozen=True)
class Heard:
    """What a recogniser made of one item under one system.

    Parameters
    ----------
    model, system, id, scenario, speaker : str
        As in `Score`; the system may be `CLEAN` too.
    text : str
        What was heard.
    errors : WordErrors or None
        None if nothing could be counted.
    problem : str
        Why.
    """

    model: str
    system: str
    id: str
    scenario: str
    speaker: str
    text: str
    errors: WordErrors | None
    problem: str = ""


@dataclass
class WordRates:
    """All that was heard in an evaluation.

    Parameters
    ----------
    listener : Listener
        By whom.
    heard : list of Heard
        Of items with a transcript, in the list's order.
    references : dict
        Item -> its transcript, normalised.
    items : int
        Items in the list, those without a transcript among them.
    seed : int
        Of the bootstrap.
    """

    listener: Listener
    heard: list[Heard]
    references: dict[str, str]
    items: int
    seed: int = 0
    _rows: dict[tuple[str, str], list[Heard]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rows = {}
        for one in self.heard:
            self._rows.setdefault((one.model, one.system), []).append(one)

    @property
    def scenarios(self) -> list[str]:
        """Names of the conditions that have transcripts, in order."""
        return list(dict.fromkeys(h.scenario for h in self.heard))

    @property
    def skipped(self) -> list[Heard]:
        """What could not be counted."""
        return [h for h in self.heard if h.errors is None]

    def rows(self) -> list[tuple[str, str]]:
        """List (model, system) in the order of the tables, the clean target last."""
        return list(self._rows)

    def pick(self, model: str, system: str, scenario: str | None = None) -> list[Heard]:
        """Select a row, its own or the one that all models share; None takes all conditions."""
        row = self._rows.get((model, system)) or self._rows.get(("", system), [])
        return [h for h in row if scenario in (None, h.scenario)]

    def rate(self, heard: Sequence[Heard], kind: str = "errors") -> Estimate:
        """Give all errors of a kind in % of all words: long items count more than short ones."""
        values = [math.nan if h.errors is None else 100.0 * getattr(h.errors, kind) for h in heard]
        return pooled(values, _words(heard), [h.speaker for h in heard], self.seed)

    def difference(self, heard: Sequence[Heard], other: Sequence[Heard]) -> Estimate:
        """Give by how many points the rate is above another row's, both on the items that both have."""
        there = {h.id: h.errors.errors for h in other if h.errors is not None}
        both = [h for h in heard if h.errors is not None and h.id in there]
        values = [100.0 * (h.errors.errors - there[h.id]) for h in both if h.errors is not None]
        return pooled(values, _words(both), [h.speaker for h in both], self.seed)

    def said(self, model: str, system: str, id: str) -> str:
        """Tell what was heard of an item, or why nothing was; empty where it has no transcript."""
        return next((h.problem or h.text or "(nothing)" for h in self.pick(model, system) if h.id == id), "")

    def summary(self) -> list[dict[str, Any]]:
        """List every rate: by model, system and condition."""
        return [self._entry(*row, c) for row in self.rows() for c in [None, *self.scenarios]]

    def _entry(self, model: str, system: str, scenario: str | None) -> dict[str, Any]:
        heard = self.pick(model, system, scenario)
        over = {"clean": self.pick("", CLEAN, scenario), "mixture": self.pick("", "mixture", scenario)}
        return {
            "model": model,
            "system": system,
            "scenario": scenario or "all",
            "words": sum(h.errors.words for h in heard if h.errors is not None),
            **{"wer" if k == "errors" else k: self.rate(heard, k).as_dict() for k in KINDS},
            **{f"over_{name}": self.difference(heard, other).as_dict() for name, other in over.items()},
        }

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as JSON can hold it; rates in %."""
        items = [{**vars(h), "errors": h.errors and vars(h.errors)} for h in self.heard]
        return {
            "recogniser": self.listener.as_dict(),
            "text": RULE,
            "items_in_list": self.items,
            "items_with_transcript": len(self.references),
            "skipped": len(self.skipped),
            "summary": self.summary(),
            "references": self.references,
            "items": items,
        }


def _words(heard: Sequence[Heard]) -> list[float]:
    """Give the words of each reference; 1 where nothing was counted, which is left out."""
    return [1.0 if h.errors is None else float(h.errors.words) for h in heard]
