"""Enhance a list with every system, and score every item once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch

from ..data import Mixture, TestList
from ..enhancer import Enhancer
from ..errors import ConfigError, DataError, PseError
from .recognition import Listener, Said, find_listener
from .record import circumstances
from .results import SYSTEMS, Results, Score
from .scoring import METRICS, Scored, Scorer, usable
from .systems import Row, evaluating, plan_rows, run_row
from .unfinished import Indexed, Unfinished
from .word_rates import CLEAN, Heard, WordRates
from .words import compare, normalise


def evaluate(
    models: Enhancer | Mapping[str, Enhancer],
    items: TestList,
    out: str | Path | None = None,
    *,
    metrics: Sequence[str] = METRICS,
    rows: Sequence[str] = SYSTEMS,
    recogniser: str | None = None,
    recogniser_options: Mapping[str, Any] | None = None,
    workers: int = 0,
    samples: int = 1,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Score enhancers on a fixed list.

    Rows: the mixture; the wrong enrolment (in babble the interferer's own voice); the right enrolment; the ideal
    ratio mask in the model's own frontend. A model that needs no enrolment has one row, ``enhanced``, for both.
    Items are enhanced offline, one at a time, so that scores do not depend on what they are batched with. Under
    ``torchrun`` each rank scores its share; every rank gets all results, the first writes them. What was scored when an
    evaluation is stopped is kept in ``out``: the same evaluation goes on there.

    Parameters
    ----------
    models : Enhancer or mapping
        One, or several by name, for one report; used on the device they are on.
    items : TestList
        What to enhance.
    out : str, Path or None
        Folder for ``results.json``, ``results.md`` and ``report.html``; None writes nothing.
    metrics : sequence of str
        Names of metrics.
    rows : sequence of str
        The wanted ones of `SYSTEMS`, and other enrolments of the same voice: ``"enrolment: 2 clips"``, see
        `enrolment.CHANGES`.
    recogniser : str or None
        Name of a recogniser, for word error rates of every row, and of the clean target besides. Items that are
        no whole utterance, or whose corpus has no transcripts, are left out of these, and counted.
    recogniser_options : mapping or None
        Its options.
    workers : int
        Processes that score; 0 scores in this one.
    samples : int
        Items of each condition to hear and see in the report.
    seed : int
        Of the bootstrap.
    about : mapping or None
        More to write down: seed of the training, data.
    progress : callable or None
        Called with items done and items in all, of this rank; first with those that were kept, if there are some.

    Returns
    -------
    Results

    Raises
    ------
    ComponentError
        If a metric, the recogniser or an option of it is unknown.
    ConfigError
        If a row is unknown, no metric can be used, the recogniser refuses an option, the list is at another rate
        than the model, or ``out`` cannot be made a folder.
    DataError
        If the list is empty.
    """
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    _check(named, items)
    units, missing = usable(metrics)
    listener = find_listener(recogniser, recogniser_options)
    planned = plan_rows(named, rows)
    if not planned:
        raise ConfigError(
            f"none of the rows {', '.join(rows) or '(none)'} exists for this model; name others"
        )
    names = [metric for metric in units if metric not in missing]
    folder = None if out is None else _folder(Path(out))
    known = circumstances(named, items)
    with evaluating(named.values()):
        rank, world = _rank()
        mine = range(rank, len(items), world)
        kept = Unfinished(
            None if folder is None else folder / f"unfinished-{rank}.jsonl",
            _decisive(known, items, planned, names, listener),
            mine,
        )
        found = _share(
            lambda: _score(mine, planned, named, items, names, workers, progress, listener, kept), len(items)
        )
        scored = [score for entry in found for score in entry[1]]
        words = None if listener is None else _word_rates(listener, found, seed)
        results = Results(scored, units, list(named), {**known, **(about or {})}, missing, seed, words)
        if folder is not None and rank == 0:
            _write(results, named, items, folder, samples)
        kept.remove()
    return results


def _decisive(
    known: Mapping[str, Any],
    items: TestList,
    rows: Sequence[Row],
    metrics: Sequence[str],
    listener: Listener | None,
) -> dict[str, Any]:
    """Say what the scores of an item depend on."""
    return {
        "models": {name: (m["config_hash"], m["fingerprint"]) for name, m in known["models"].items()},
        "versions": known["versions"],
        "items": [known["list"], *(plan.id for plan in items.plans)],
        "rows": list(rows),
        "metrics": list(metrics),
        "recogniser": listener and listener.as_dict(),
    }


def _score(
    mine: range,
    rows: Sequence[Row],
    models: Mapping[str, Enhancer],
    items: TestList,
    metrics: Sequence[str],
    workers: int,
    progress: Callable[[int, int], None] | None,
    listener: Listener | None,
    kept: Unfinished,
) -> list[Indexed]:
    """Score what is left of a rank's share; a few items wait for the workers while the next are enhanced."""
    waiting: deque[tuple[int, Mixture, list[Future[Scored]], list[Future[Said]]]] = deque()
    there = {entry[0] for entry in kept.entries}
    if there and progress is not None:
        progress(len(there), len(mine))

    def finish(left: int) -> None:
        while len(waiting) > left:
            index, item, marks, texts = waiting.popleft()
            competitor = items.competitors.get(item.id, "")
            scored = [_join(row, item, mark.result(), competitor) for row, mark in zip(rows, marks)]
            heard = [_hear(row, item, text.result()) for row, text in zip((*rows, ("", CLEAN)), texts)]
            kept.add((index, scored, heard, normalise(item.words)))
            if progress is not None:
                progress(len(kept.entries), len(mine))

    with Scorer(metrics, items.rate, workers) as scorer:
        for index in (i for i in mine if i not in there):
            item = items[index]
            estimates = [run_row(row, models, item) for row in rows]
            marks = [scorer.submit(e, item.target, item.mixture) for e in estimates]
            texts: list[Future[Said]] = []
            if listener is not None and not listener.remark and normalise(item.words):
                texts = [scorer.hear(listener, samples) for samples in (*estimates, item.target)]
            waiting.append((index, item, marks, texts))
            finish(2 * workers)
        finish(0)
    return kept.entries


def _join(row: Row, item: Mixture, scored: Scored, competitor: str) -> Score:
    return Score(*row, item.id, item.scenario, item.speaker, item.snr, *scored, competitor)


def _hear(row: Row, item: Mixture, said: Said) -> Heard:
    text, problem = said
    errors = None if problem else compare(item.words, text)
    return Heard(*row, item.id, item.scenario, item.speaker, text, errors, problem)


def _word_rates(listener: Listener, found: Sequence[Indexed], seed: int) -> WordRates:
    """Collect what was heard; where there is no recogniser, transcripts are still counted."""
    references = {scored[0].id: words for _, scored, _, words in found if words}
    return WordRates(listener, [h for entry in found for h in entry[2]], references, len(found), seed)


def _share(work: Callable[[], list[Indexed]], count: int) -> list[Indexed]:
    """Do each rank's share, and collect all in the list's order; a failure on one rank fails all, not hangs."""
    rank, world = _rank()
    parts = [work()] if world == 1 else _gather(work, rank, world)
    ordered = sorted((entry for part in parts for entry in part), key=lambda entry: entry[0])
    if [entry[0] for entry in ordered] != list(range(count)):
        raise RuntimeError(f"{len(ordered)} items were scored of {count}: each must be scored exactly once")
    return ordered


def _gather(work: Callable[[], list[Indexed]], rank: int, world: int) -> list[list[Indexed]]:
    """Do a rank's share, and exchange shares or the error that kept one from its share."""
    own: Exception | None = None
    answer: list[Indexed] | Exception
    try:
        answer = work()
    except Exception as error:
        own = error
        answer = error if isinstance(error, PseError) else RuntimeError(f"rank {rank}: {error!r}")
    gathered: list[Any] = [None] * world
    torch.distributed.all_gather_object(gathered, answer)
    if own is not None:
        raise own
    for part in gathered:
        if isinstance(part, Exception):
            raise part
    return gathered


def _rank() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _check(models: Mapping[str, Enhancer], items: TestList) -> None:
    if not models:
        raise ConfigError("no model to evaluate; name at least one")
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


def _folder(out: Path) -> Path:
    """Make the folder for the results before the work, so that nothing is lost after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made a folder ({error.strerror}); name another one") from error
    return out


def _write(
    results: Results, models: Mapping[str, Enhancer], items: TestList, out: Path, samples: int
) -> None:
    from .enrolment_figure import draw_enrolments
    from .report import write_report
    from .tables import markdown

    results.save(out / "results.json")
    (out / "results.md").write_text(markdown(results), "utf-8")
    write_report(results, models, items, out / "report.html", samples)
    draw_enrolments(results, out / "enrolment.png")
