"""One self-contained HTML page: tables, plots, and items to hear and see."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import soundfile

from ..data import TestList
from ..enhancer import Enhancer
from .figures import improvement_by_snr, spectrograms
from .results import Results
from .scoring import enhance_all
from .tables import comparison_table, condition_tables


def write_report(
    results: Results, models: Mapping[str, Enhancer], items: TestList, path: Path, samples: int = 1
) -> Path:
    """Write the page.

    Parameters
    ----------
    results : Results
    models : mapping
        The enhancers by name, to enhance the sample items again.
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
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pse_plugins.evaluation"), autoescape=True)
    page = environment.get_template("report.html").render(
        results=results,
        comparison=comparison_table(results),
        tables=condition_tables(results),
        plots={
            m: _uri(improvement_by_snr(results, m), "image/png") for m in results.models if _has_gain(results)
        },
        samples=[
            _sample(m, models[m], items[i], items.rate, note)
            for m, i, note in _choose(results, items, samples)
        ],
        about=results.about,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
    return path


def _has_gain(results: Results) -> bool:
    return "si-sdr-improvement" in results.metrics


def _choose(results: Results, items: TestList, samples: int) -> list[tuple[str, int, str]]:
    """Pick the items nearest the median SI-SDR improvement of each model and condition."""
    place = {plan.id: i for i, plan in enumerate(items.plans)}
    chosen = []
    for model in results.models:
        system = next(s for s in ("right enrolment", "enhanced") if s in results.systems(model))
        for scenario in results.scenarios:
            scores = results.pick(model, system, scenario)
            gains = np.array([s.values.get("si-sdr-improvement", np.nan) for s in scores])
            distance = np.abs(gains - np.nanmedian(gains)) if _has_gain(results) else np.zeros(len(scores))
            for k in np.argsort(np.nan_to_num(distance, nan=np.inf))[:samples]:
                note = f"SNR {scores[k].snr:.1f} dB, SI-SDRi {gains[k]:.2f} dB (nearest the median of {len(scores)})"
                chosen.append((model, place[scores[k].id], note))
    return chosen


def _sample(model: str, enhancer: Enhancer, item: Any, rate: int, note: str) -> dict[str, Any]:
    """Make what the page shows of one item."""
    made = enhance_all(enhancer, item)
    signals = {name: made[name] for name in made if name != "oracle mask"}
    signals["clean target"] = item.target
    peak = max(float(np.abs(x).max()) for x in signals.values()) or 1.0
    sounds = {name: _wav(x / max(peak, 1.0), rate) for name, x in signals.items()}
    if enhancer.needs_cue and enhancer.speaker_encoder is not None:
        sounds = {"enrolment": _wav(item.enrolment[0], enhancer.speaker_encoder.sample_rate), **sounds}
    return {
        "title": f"{model}: {item.scenario}, speaker {item.speaker}",
        "note": note,
        "sounds": sounds,
        "picture": _uri(spectrograms(signals, rate), "image/png"),
    }


def _wav(samples: np.ndarray, rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return _uri(buffer.getvalue(), "audio/wav")


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
