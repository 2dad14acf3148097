"""One self-contained HTML page: tables, plots, and items to hear and see."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import soundfile
from markupsafe import Markup

from ..data import Mixture, TestList
from ..enhancer import Enhancer
from .cells import label, row_label
from .figures import level, points_by_condition, spectrogram
from .results import Results
from .systems import run_row
from .tables import (
    comparison_table,
    condition_tables,
    enrolment_table,
    gender_table,
    lead,
    notes,
    snr_table,
    speaker_tables,
)
from .word_rates import CLEAN
from .word_tables import word_tables

SECONDS = 6.0
"""Sample items are cut to this, so that the page stays a few MB."""

MODELS = 4
"""Models that sample items are shown for; tables show all."""


def write_report(
    results: Results, models: Mapping[str, Enhancer], items: TestList, path: Path, samples: int = 1
) -> Path:
    """Write the page.

    Parameters
    ----------
    results : Results
    models : mapping
        The enhancers by name, in evaluation mode, to enhance the sample items again.
    items : TestList
    path : Path
        The HTML file.
    samples : int
        Items of each condition: those whose score is nearest the median, so neither the best nor the worst.

    Returns
    -------
    Path
        The file.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pse_plugins.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(
        comparison=comparison_table(results),
        tables=condition_tables(results),
        words=word_tables(results),
        by_snr=snr_table(results),
        more=[*speaker_tables(results), gender_table(results), enrolment_table(results)],
        notes=notes(results),
        plot=Markup(points_by_condition(results)),  # made here, not by a user
        lead=label(results, lead(results)),
        samples=[_sample(results, models, items, i) for i in choose(results, items, samples)],
        about=results.about,
        models={name: json.dumps(model.config, indent=1) for name, model in models.items()},
    )
    path.write_text(page, "utf-8")
    return path


def choose(results: Results, items: TestList, samples: int) -> list[int]:
    """Pick the items of each condition whose score is nearest the median.

    The score is the first metric, averaged over the models' own rows; equal distances go by the list's order.

    Returns
    -------
    list of int
        Places in the list.
    """
    rows = [(m, s) for m in results.models if (s := results.system(m))] or results.rows()[:1]
    chosen: list[int] = []
    for scenario in results.scenarios:
        places = [i for i, plan in enumerate(items.plans) if plan.scenario == scenario]
        values = np.array(
            [[s.values.get(lead(results), np.nan) for s in results.pick(*row, scenario)] for row in rows]
        ).mean(0)  # [items]
        known = np.flatnonzero(np.isfinite(values))
        distance = np.abs(values[known] - np.median(values[known])) if known.size else known
        chosen += [places[k] for k in known[np.argsort(distance, kind="stable")[:samples]]]
    return chosen


def _sample(results: Results, models: Mapping[str, Enhancer], items: TestList, index: int) -> dict[str, Any]:
    """Make what the page shows of one item: every signal with its score, sound and spectrogram."""
    item, shown = items[index], [*results.models[:MODELS], ""]
    rows = [row for row in results.rows() if row[0] in shown and row[1] != "oracle mask"]
    signals = {row_label(results, *row): run_row(row, models, item) for row in rows}
    captions = {row_label(results, *row): _caption(results, row, item) for row in rows}
    signals = {name: x[: int(SECONDS * items.rate)] for name, x in {**signals, CLEAN: item.target}.items()}
    heard = _heard(results, [*rows, ("", CLEAN)], item)
    gain = 0.9 / max(1e-6, *(float(np.abs(x).max()) for x in signals.values()))
    top = max(float(level(x).max()) for x in signals.values())
    return {
        "scenario": item.scenario,
        "speaker": item.speaker,
        "id": item.id,
        "snr": f"{item.snr:.1f}",
        "words": heard and results.words and results.words.references.get(item.id),
        "cut": len(item.mixture) > SECONDS * items.rate,
        "enrolment": _enrolment(item, items) if any(m.needs_cue for m in models.values()) else "",
        "panels": [
            {
                "name": name,
                "caption": captions.get(name, ""),
                "heard": heard.get(name, ""),
                "sound": _flac(x * gain, items.rate),
                "picture": _uri(spectrogram(x, items.rate, top), "image/png"),
            }
            for name, x in signals.items()
        ],
    }


def _caption(results: Results, row: tuple[str, str], item: Mixture) -> str:
    """Write the score of an item in a row."""
    metric = "si-sdr" if "si-sdr" in results.metrics else lead(results)
    value = next(s.values.get(metric, np.nan) for s in results.pick(*row, item.scenario) if s.id == item.id)
    name, _, unit = label(results, metric).partition(" (")
    return f"{name} {value:.2f} {unit.rstrip(')')}".strip()


def _heard(results: Results, rows: list[tuple[str, str]], item: Mixture) -> dict[str, str]:
    """Give what was heard of an item in each row; nothing where nobody listened, or it has no transcript."""
    words = results.words
    if words is None:
        return {}
    found = {row_label(results, *row): words.said(*row, item.id) for row in rows}
    return {name: text for name, text in found.items() if text}


def _enrolment(item: Mixture, items: TestList) -> str:
    """Give the first enrolment clip as a sound."""
    clip = item.enrolment[0][: int(SECONDS * items.enrolment_rate)]
    return _flac(clip * (0.9 / max(float(np.abs(clip).max()), 1e-6)), items.enrolment_rate)


def _flac(samples: np.ndarray, rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return _uri(buffer.getvalue(), "audio/flac")


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
