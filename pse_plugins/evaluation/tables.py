"""Results as tables: the same rows for the terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from .cells import MISSING, NAMES, NONE, Table, label, number, percent, row_label
from .enrolment import PREFIX
from .results import GAIN, RIGHT, Place, Results, bin_label
from .statistics import Estimate
from .word_tables import WER, wer_cell, word_notes, word_tables

Part = TypeVar("Part")

MOST_SPEAKERS = 30
"""Up to so many speakers have a row each."""


def comparison_table(results: Results) -> Table:
    """Make the table people look at first: models by condition, and by how much right beats wrong enrolment."""
    metric = lead(results)
    wer = [] if results.words is None else [WER]
    head = ["condition", "model", label(results, metric), "right over wrong", *wer, "failures", "items"]
    rows = []
    for scenario in results.scenarios:
        for model in results.models:
            system = results.system(model) or ""
            scores = results.pick(model, system, scenario)
            if scores:
                mean, margin = results.mean(metric, scores), results.margin(model, scenario, metric)
                heard = [wer_cell(results, model, system, scenario) for _ in wer]
                rest = [percent(results.failures(scores)), _items(len(scores), {metric: mean})]
                rows.append([scenario, model, number(mean, metric), number(margin, metric), *heard, *rest])
    return Table(f"{label(results, metric)} by condition", head, rows)


def condition_tables(results: Results) -> list[Table]:
    """Make one table a condition: systems down, metrics across, 95 % intervals in brackets."""
    wer = [] if results.words is None else [WER]
    head = ["system", *(label(results, metric) for metric in results.metrics), *wer, "failures", "items"]
    tables = []
    for scenario in results.scenarios:
        rows = []
        for model, system in results.rows():
            scores = results.pick(model, system, scenario)
            means = {m: results.mean(m, scores) for m in results.metrics if m not in results.remarks}
            cells = [number(means[m], m) if m in means else MISSING for m in results.metrics]
            cells += [wer_cell(results, model, system, scenario) for _ in wer]
            failures = NONE if system == "mixture" else percent(results.failures(scores))
            rows.append([row_label(results, model, system), *cells, failures, _items(len(scores), means)])
        tables.append(Table(scenario, head, rows))
    return tables


def snr_table(results: Results) -> Table:
    """Make the breakdown by SNR, of conditions whose items are not all in one bin: a column a bin."""
    places: dict[str, Place] = {
        f"{c}: {bin_label(b)}": (c, b, None) for c, b in _parts(results, results.bins)
    }
    return _breakdown(results, "by the mixture's SNR", places)


def gender_table(results: Results) -> Table:
    """Make the breakdown by who competes, of conditions with speakers of the target's gender and of the other."""
    places: dict[str, Place] = {f"{c}: {g}": (c, None, g) for c, g in _parts(results, results.competitors)}
    return _breakdown(results, "by the competing speaker", places)


def enrolment_table(results: Results) -> Table:
    """Make the table of other enrolments of the voice: by how much each is above the list's own clips."""
    metric = lead(results)
    rows = [
        [
            row_label(results, model, system),
            *(
                number(results.difference(model, (system, RIGHT), c, metric), metric)
                for c in results.scenarios
            ),
        ]
        for model, system in results.rows()
        if system.startswith(PREFIX) and RIGHT in results.systems(model)
    ]
    return Table(
        f"{label(results, metric)} above right enrolment, item by item", ["", *results.scenarios], rows
    )


def speaker_tables(results: Results) -> list[Table]:
    """Make one table a model: target speakers down, conditions across; none where speakers are many."""
    metric, tables = lead(results), []
    speakers = sorted({s.speaker for s in results.scores})
    if not 1 < len(speakers) <= MOST_SPEAKERS:
        return []
    for model in results.models:
        own = results.system(model) or ""
        places = [(c, results.pick(model, own, c)) for c in results.scenarios]
        rows = [
            [
                who,
                *(
                    number(results.mean(metric, [s for s in found if s.speaker == who]), metric)
                    for _, found in places
                ),
            ]
            for who in speakers
        ]
        title = f"{label(results, metric)} by the target speaker, {row_label(results, model, own)}"
        tables.append(Table(title, ["speaker", *(c for c, _ in places)], rows))
    return tables


def _parts(results: Results, divide: Callable[[str], list[Part]]) -> list[tuple[str, Part]]:
    """List the parts of the conditions that have more than one."""
    return [(c, part) for c in results.scenarios for part in divide(c) if len(divide(c)) > 1]


def _breakdown(results: Results, title: str, places: Mapping[str, Place]) -> Table:
    """Lay the leading metric out by place: a column each."""
    metric = lead(results)
    rows = [
        [
            row_label(results, model, system),
            *(number(results.mean(metric, results.pick(model, system, *p)), metric) for p in places.values()),
        ]
        for model, system in results.rows()
        if system != "mixture" or metric != GAIN
    ]
    return Table(f"{label(results, metric)} {title}", ["system", *places], rows if places else [])


def lead(results: Results) -> str:
    """Name the metric that the first table shows: SI-SDR improvement, or else the first that could be used."""
    return next(m for m in [GAIN, *results.metrics] if m in results.metrics and m not in results.remarks)


def notes(results: Results) -> list[str]:
    """Say what the tables rest on, and what is missing in them."""
    about, scores = results.about, results.scores
    small = "small test set: " if len({s.speaker for s in scores}) < 20 else ""
    asked = len(scores) * (len(results.metrics) - len(results.remarks))
    skipped = sum(len(s.problems) for s in scores)
    lines = [
        f"Simulated mixtures; {small}{about.get('items')} items, {about.get('speakers')} speakers "
        f"(list {about.get('list')}).",
        f"Brackets: 95 % bootstrap interval, {_resampled(results)}. Failures: items, clean ones apart, with SI-SDRi "
        "below 1 dB.",
        f"Right over wrong: {label(results, lead(results))} with the target enrolled above that with somebody else.",
        "Wrong enrolment: another speaker's voice, in babble the interferer's own. Oracle mask: the ideal ratio "
        "mask, about the most a mask can do.",
    ]
    if skipped:
        lines.append(f"Skipped, as a metric is not defined there: {skipped} of {asked} scores.")
    missing = [f"{NAMES.get(name, name)}: {why}." for name, why in results.remarks.items()]
    return [*lines, *word_notes(results), *missing]


def markdown(results: Results) -> str:
    """Write all tables as Markdown, with what they depend on below."""
    tables = [
        comparison_table(results),
        *condition_tables(results),
        *word_tables(results),
        snr_table(results),
        gender_table(results),
        enrolment_table(results),
        *speaker_tables(results),
    ]
    about = results.about
    lines = [*notes(results), f"`{about.get('command')}`, {about.get('date')}."]
    text = [markdown_table(table) for table in tables if table.rows]
    return "\n\n".join([*text, "\n".join(f"- {line}" for line in lines)]) + "\n"


def markdown_table(table: Table) -> str:
    """Write a table as Markdown, its title above it."""
    columns = len(table.head) - 1
    lines = [f"**{table.title}**", "", "| " + " | ".join(table.head) + " |", "| --- |" + " ---: |" * columns]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in table.rows)])


def _items(count: int, means: dict[str, Estimate]) -> str:
    skipped = max((e.skipped for e in means.values()), default=0)
    return f"{count} ({skipped} skipped)" if skipped else str(count)


def _resampled(results: Results) -> str:
    """Say what the intervals were made by drawing again."""
    metric, scores = (
        lead(results),
        [results.pick(*row, c) for row in results.rows() for c in results.scenarios],
    )
    drawn = {results.mean(metric, found).resampled for found in scores}
    if "speakers" in drawn:
        return "whole speakers drawn again (items, where there are fewer than 5 speakers)"
    return "items drawn again, as there are fewer than 5 speakers"
