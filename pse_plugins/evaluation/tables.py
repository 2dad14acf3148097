"""Results as tables: the same rows for the terminal, Markdown and HTML."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .results import Results
from .statistics import Estimate

_DIGITS = {"stoi": 3, "estoi": 3}


@dataclass(frozen=True)
class Table:
    """Text cells under a heading.

    Parameters
    ----------
    title : str
    head : list of str
    rows : list of list of str
    """

    title: str
    head: list[str]
    rows: list[list[str]]


def condition_tables(results: Results) -> list[Table]:
    """Make one table for each model and condition: systems down, metrics across, 95 % intervals in brackets."""
    head = ["system", *(_label(m, u) for m, u in results.metrics.items()), "failures", "items"]
    tables = []
    for model in results.models:
        for scenario in results.scenarios:
            rows = []
            for system in results.systems(model):
                scores = results.pick(model, system, scenario)
                means = [results.mean(metric, scores) for metric in results.metrics]
                cells = [number(e, metric) for e, metric in zip(means, results.metrics)]
                failures = "" if system == "mixture" else _percent(results.failures(scores))
                rows.append([system, *cells, failures, _items(len(scores), means)])
            tables.append(Table(f"{model}: {scenario}" if len(results.models) > 1 else scenario, head, rows))
    return tables


def comparison_table(results: Results) -> Table:
    """Make the table people look at first: SI-SDR improvement by model and condition, and right over wrong."""
    head = ["model", *(f"{s}: SI-SDRi (dB)" for s in results.scenarios), *_margin_heads(results)]
    rows = []
    for model in results.models:
        system = next(s for s in ("right enrolment", "enhanced") if s in results.systems(model))
        gains = [
            results.mean("si-sdr-improvement", results.pick(model, system, s)) for s in results.scenarios
        ]
        margins = [results.margin(model, s) for s in _margin_scenarios(results)]
        rows.append([model, *(number(e, "si-sdr-improvement") for e in [*gains, *margins])])
    return Table("SI-SDR improvement", head, rows)


def number(estimate: Estimate, metric: str) -> str:
    """Write a mean with its interval, ``6.12 [5.80, 6.44]``."""
    if math.isnan(estimate.mean):
        return "-"
    digits = _DIGITS.get(metric, 2)
    return f"{estimate.mean:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def markdown(results: Results) -> str:
    """Write all tables as Markdown, with what they depend on below."""
    about = results.about
    parts = [_markdown(table) for table in [comparison_table(results), *condition_tables(results)]]
    notes = [f"- {name}: {why}" for name, why in results.remarks.items()]
    notes.append(
        f"- simulated mixtures; {about.get('items')} items of {about.get('speakers')} speakers "
        f"(list {about.get('list')}); brackets: 95 % bootstrap over speakers (items where there are fewer than "
        f"five); failures: SI-SDRi under 1 dB"
    )
    notes.append(f"- `{about.get('command')}`, {about.get('machine')}, {about.get('date')}")
    return "\n\n".join([*parts, "\n".join(notes)]) + "\n"


def _markdown(table: Table) -> str:
    lines = [f"**{table.title}**", "", "| " + " | ".join(table.head) + " |", "|" + " --- |" * len(table.head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in table.rows)])


def _label(metric: str, unit: str) -> str:
    return f"{metric} ({unit})" if unit else metric


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"


def _items(count: int, means: list[Estimate]) -> str:
    skipped = max((e.skipped for e in means), default=0)
    return f"{count} ({skipped} skipped)" if skipped else str(count)


def _margin_scenarios(results: Results) -> list[str]:
    enrolled = any("wrong enrolment" in results.systems(m) for m in results.models)
    return [s for s in results.scenarios if s != "clean"] if enrolled else []


def _margin_heads(results: Results) -> list[str]:
    return [f"{s}: right over wrong (dB)" for s in _margin_scenarios(results)]
