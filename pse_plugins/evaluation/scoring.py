"""Enhance a list with every system, and score every item once."""

from __future__ import annotations

import logging
import math
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__, host
from ..contracts import Metric
from ..data import Mixture, TestList
from ..enhancer import Enhancer
from ..errors import ConfigError, DataError
from .results import Results, Score

logger = logging.getLogger(__name__)

METRICS = ("si-sdr-improvement", "si-sdr", "sdr", "pesq", "stoi", "estoi")
"""What is scored unless told otherwise."""


def evaluate(
    models: Enhancer | Mapping[str, Enhancer],
    items: TestList,
    out: str | Path | None = None,
    *,
    metrics: Sequence[str] = METRICS,
    samples: int = 1,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Score enhancers on a fixed list.

    Rows: the mixture; the wrong enrolment (in babble the interferer's own voice); the right enrolment; the ideal
    ratio mask in the model's own frontend. A model that needs no enrolment has one row, ``enhanced``, for both.
    Under ``torchrun`` each rank scores its share; every rank gets all results, the first writes them.

    Parameters
    ----------
    models : Enhancer or mapping
        One, or several by name, for one report.
    items : TestList
        What to enhance.
    out : str, Path or None
        Folder for ``results.json``, ``results.md`` and ``report.html``; None writes nothing.
    metrics : sequence of str
        Names of metrics.
    samples : int
        Items of each condition to hear and see in the report.
    about : mapping or None
        More to write down: command, seed, data.
    progress : callable or None
        Called with items done and items in all.

    Returns
    -------
    Results

    Raises
    ------
    ConfigError
        If a metric is unknown, or the list is at another rate than the model.
    DataError
        If the list is empty.
    """
    named = {"model": models} if isinstance(models, Enhancer) else dict(models)
    _check(named, items)
    scorers, remarks = _scorers(metrics)
    rank, world = _rank()
    mine, scores = range(rank, len(items), world), []
    for done, index in enumerate(mine):
        item = items[index]
        for name, model in named.items():
            for system, estimate in enhance_all(model, item).items():
                scores.append(_score(name, system, item, estimate, scorers, items.rate))
        if progress is not None:
            progress(done + 1, len(mine))
    results = Results(
        _gather(scores, [plan.id for plan in items.plans]),
        {name: scorer.unit for name, scorer in scorers.items()},
        {**_circumstances(named, items), **(about or {})},
        remarks,
    )
    if out is not None and rank == 0:
        _write(results, named, items, Path(out), samples)
    return results


def enhance_all(model: Enhancer, item: Mixture) -> dict[str, np.ndarray]:
    """Give what every system makes of an item, float32 ``[S]`` each."""
    device = model.frontend.analysis.device
    model.eval()
    with torch.inference_mode():
        mixture = torch.from_numpy(item.mixture).unsqueeze(0).to(device)
        systems = {"mixture": item.mixture}
        if model.needs_cue:
            systems["wrong enrolment"] = _enhance(model, mixture, item.wrong_enrolment)
            systems["right enrolment"] = _enhance(model, mixture, item.enrolment)
        else:
            systems["enhanced"] = model(mixture).estimate[0].cpu().numpy()
        systems["oracle mask"] = _oracle(
            model, mixture, torch.from_numpy(item.target).unsqueeze(0).to(device)
        )
    return systems


def _enhance(model: Enhancer, mixture: Tensor, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Enhance by enrolment clips at the encoder's rate."""
    tensors = [torch.from_numpy(clip) for clip in clips]
    lengths = torch.tensor([[len(clip) for clip in clips]], device=mixture.device)
    padded = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True).unsqueeze(0).to(mixture.device)
    return model(mixture, model.embed(padded, lengths)).estimate[0].cpu().numpy()


def _oracle(model: Enhancer, mixture: Tensor, target: Tensor) -> np.ndarray:
    """Apply the ideal ratio mask, ``sqrt(|S|^2 / (|S|^2 + |N|^2))``: about the most a real mask can do."""
    spectrum, wanted = model.frontend.analyse(mixture), model.frontend.analyse(target)
    power, rest = wanted.abs().square(), (spectrum - wanted).abs().square()
    mask = (power / (power + rest + 1e-12)).sqrt()
    return model.frontend.synthesise(spectrum * mask, mixture.shape[1])[0].cpu().numpy()


def _score(
    model: str, system: str, item: Mixture, estimate: np.ndarray, scorers: Mapping[str, Metric], rate: int
) -> Score:
    values = {}
    for name, scorer in scorers.items():
        try:
            values[name] = scorer(estimate, item.target, item.mixture, rate)
        except Exception as error:
            logger.warning("%s is not defined on %s (%s): %s", name, item.id, system, error)
            values[name] = math.nan
    return Score(model, system, item.id, item.scenario, item.speaker, item.snr, values)


def _scorers(names: Sequence[str]) -> tuple[dict[str, Metric], dict[str, str]]:
    """Build the metrics that can be had here, and say of the others what is missing."""
    scorers: dict[str, Metric] = {name: host.build("metric", name) for name in names}
    missing = {
        name: m.available() for name, m in scorers.items() if hasattr(m, "available") and m.available()
    }
    return {name: m for name, m in scorers.items() if name not in missing}, missing


def _check(models: Mapping[str, Enhancer], items: TestList) -> None:
    if not len(items):
        raise DataError("the test list is empty; write one with `pse data test-list`")
    for name, model in models.items():
        if model.sample_rate != items.rate:
            raise ConfigError(
                f"{name} works at {model.sample_rate} Hz, the test list is at {items.rate} Hz; write one at its rate"
            )
        encoder = model.speaker_encoder
        if model.needs_cue and encoder is not None and encoder.sample_rate != items.enrolment_rate:
            raise ConfigError(
                f"{name} enrols at {encoder.sample_rate} Hz, the list has clips at {items.enrolment_rate} Hz; "
                f"write another list"
            )


def _circumstances(models: Mapping[str, Enhancer], items: TestList) -> dict[str, Any]:
    """Write down what the figures depend on."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "list": items.checksum,
        "items": len(items),
        "speakers": len({plan.speaker for plan in items.plans}),
        "models": {name: model.config for name, model in models.items()},
        "parameters": {name: sum(p.numel() for p in m.parameters()) for name, m in models.items()},
        "versions": {
            "pse-plugins": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{_processor()}, {torch.get_num_threads()} thread(s)",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _rank() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _gather(scores: list[Score], order: Sequence[str]) -> list[Score]:
    """Collect all ranks' scores, in the list's order."""
    if _rank()[1] > 1:
        parts: list[Any] = [None] * _rank()[1]
        torch.distributed.all_gather_object(parts, scores)
        scores = [score for part in parts for score in part]
    place = {id: i for i, id in enumerate(order)}
    return sorted(scores, key=lambda s: place[s.id])


def _write(
    results: Results, models: Mapping[str, Enhancer], items: TestList, out: Path, samples: int
) -> None:
    from .report import write_report
    from .tables import markdown

    results.save(out / "results.json")
    (out / "results.md").write_text(markdown(results), "utf-8")
    write_report(results, models, items, out / "report.html", samples)
