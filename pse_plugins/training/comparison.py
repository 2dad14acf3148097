"""Train the rows of a table, each for several seeds, and write the table; goes on where it stopped."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..bundle import load
from ..cost import count_macs, count_parameters, one_thread, real_time_factor
from ..enhancer import Enhancer
from ..errors import ConfigError, PseError, nearest
from ..evaluation.comparison import Trained, check_one_list, comparison, legend, places, read_row, sample
from ..evaluation.kept import join, keep, recall
from ..evaluation.row_figures import draw_courses, draw_gains
from ..evaluation.tables import markdown_table
from ..resources import find_recipe
from . import checks, command_line
from .config import build_recipe, resolve_recipe
from .plain_yaml import one_line, tagged
from .recipe_text import hide, inline
from .record import deciding, differences, read_log

logger = logging.getLogger(__name__)

NEEDED = ("rows", "seeds", "output_folder")
USED = (*NEEDED, "task", "reference", "only", "settings", "stages")
"""The keys of a table's recipe; ``settings`` are given to every row."""

STAGES = ("train", "table")
_SECONDS = 4
_RESULTS = "evaluation/results.json"
_KEPT = "scores.json"


def run(argv: Sequence[str]) -> None:
    """Train what is not trained yet, row by row for each seed, and write ``table.md``.

    Parameters
    ----------
    argv : sequence of str
        ``[table.yaml, --setting, value, ...]``; SpeechBrain's run options go to every row.

    Raises
    ------
    PseError
        For any mistake in the recipes, the settings or the data. A row that fails does not stop the others; it is
        named at the end.
    """
    words, overrides = command_line.split(argv[1:], USED)
    table = Path(argv[0])
    text = resolve_recipe(table, {**_not_needed(table, overrides), **overrides}, USED)
    checks.check_plain(table.name, text, NEEDED)
    settings = build_recipe(text)
    for key in ("only", "stages"):  # one may be written without brackets
        if isinstance(settings.get(key), str):
            settings[key] = [settings[key]]
    _check(settings)
    rows, seeds = _rows(table, settings), list(settings["seeds"])
    output, stages = Path(settings["output_folder"]), settings.get("stages") or STAGES
    failed = _train(rows, seeds, output, settings, words) if "train" in stages else {}
    every = list(settings["rows"])
    if "table" in stages and (any(_scored(name, output) for name in every) or not failed):
        write_table(every, seeds, output, str(settings.get("reference") or every[0]))
    if failed:
        said = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ConfigError(f"{len(failed)} of {len(rows) * len(seeds)} trainings failed: {said}")


def _not_needed(table: Path, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Fill what the recipe leaves open where nothing is trained: the table alone needs no data."""
    if not table.is_file() or "train" in str(overrides.get("stages", STAGES)):
        return {}
    wanted = (key for key, value in tagged(inline(table)).items() if value == {"!": "PLACEHOLDER"})
    return dict.fromkeys((key for key in wanted if key not in NEEDED), "not needed")


def _check(settings: Mapping[str, Any]) -> None:
    """Check shapes, and the names of stages.

    Raises
    ------
    ConfigError
        For the first that is wrong.
    """
    seeds = settings["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(isinstance(s, int) and s >= 0 for s in seeds):
        raise ConfigError(f"seeds must be a list of whole numbers, such as [1, 2, 3], got {seeds!r}")
    if not isinstance(settings["rows"], dict) or not settings["rows"]:
        raise ConfigError(f"rows must name recipes, such as {{film: film.yaml}}, got {settings['rows']!r}")
    for stage in settings.get("stages") or ():
        if stage not in STAGES:
            raise ConfigError(f"no stage {stage!r}{nearest(str(stage), STAGES)}; stages: {', '.join(STAGES)}")


def _rows(table: Path, settings: Mapping[str, Any]) -> dict[str, Path]:
    """Find the recipe of each wanted row.

    Raises
    ------
    ConfigError
        If a row that is wanted, or the reference, is not in the table, or a recipe is missing.
    """
    known = {name: _recipe(table.parent, str(file)) for name, file in settings["rows"].items()}
    wanted = settings.get("only") or list(known)
    for name in [*wanted, settings.get("reference") or next(iter(known))]:
        if name not in known:
            raise ConfigError(f"no row {name!r}{nearest(str(name), known)}; rows: {', '.join(known)}")
        if not known[name].is_file():
            raise ConfigError(
                f"row {name}: no recipe {known[name]}, and none of that name comes with the package; mend its line in "
                f"{table.name}"
            )
    return {name: known[name] for name in known if name in wanted}


def _recipe(folder: Path, file: str) -> Path:
    """Find a row's recipe: beside the table, or by its name among those that come with the package."""
    beside = folder / file
    try:
        return beside if beside.is_file() else find_recipe(file)
    except ConfigError:
        return beside


def _train(
    rows: Mapping[str, Path],
    seeds: Sequence[int],
    output: Path,
    settings: Mapping[str, Any],
    words: Sequence[str],
) -> dict[str, str]:
    """Train what has no results yet, all rows of the first seed first; gives what failed, and why."""
    from .tasks import run_recipe  # which knows of this task, too

    common = settings.get("settings") or {}
    given = [word for key, value in common.items() for word in (f"--{key}", json.dumps(value))]
    failed = {}
    for seed in seeds:
        for name, recipe in rows.items():
            folder = output / name / str(seed)
            own = ["--seed", str(seed), "--output_folder", str(folder), "--evaluate", "True"]
            try:
                if seed in _scored(name, output):
                    _check_settings(recipe, [*own, *given], _settings(name, seed, output), folder)
                    logger.info(
                        "row %s, seed %d has scores in %s: not trained again", name, seed, folder.parent
                    )
                    continue
                logger.info("row %s, seed %d", name, seed)
                run_recipe([str(recipe), *own, *given, *words])
            except PseError as error:
                failed[f"{name}, seed {seed}"] = one_line(error)
                logger.warning("row %s, seed %d failed: %s", name, seed, one_line(error))
    return failed


def write_table(rows: Sequence[str], seeds: Sequence[int], output: Path, reference: str) -> Path:
    """Write ``table.md`` of all rows that have results, whatever was trained just now, and name those that have none.

    Beside it stand ``table.png``, what the rows gain, and ``courses.png``, how their trainings went.

    Parameters
    ----------
    rows : sequence of str
        Names, in the order of the table.
    seeds : sequence of int
        Those that are wanted; others that have results count too.
    output : Path
        Holds ``row/seed/evaluation/results.json``. What the table shows of them is written to ``row/scores.json``,
        which stands for them where they are gone.
    reference : str
        The row that the others are compared with.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If results are of different test lists, or cannot be read.
    ConfigError
        If there are none.
    """
    trained = [row for row in (_read(name, output) for name in rows) if row.items]
    if not trained:
        raise ConfigError(f"{output}: no row has results yet; run the stage train first")
    check_one_list(trained)
    missing = _missing(rows, seeds, trained)
    first = next(iter(trained[0].items.values()))
    scenarios = dict.fromkeys(place for item in first for place in places(item))
    lines = []
    for scenario in scenarios:
        lines += [markdown_table(comparison(trained, scenario, reference)), "", sample(trained, scenario), ""]
    lines += [f"- {note}" for note in (*legend(reference), *missing)] + [""]
    (output / "table.md").write_text("\n".join(lines), "utf-8")
    draw_gains(trained, list(scenarios), output / "table.png")
    draw_courses(trained, output / "courses.png")
    logger.info("wrote %s, table.png, courses.png%s", output / "table.md", "".join(f"; {n}" for n in missing))
    return output / "table.md"


def _missing(rows: Sequence[str], seeds: Sequence[int], trained: Sequence[Trained]) -> list[str]:
    """Name the rows without results, and the seeds that a row lacks and others have."""
    every = sorted({*seeds, *(seed for row in trained for seed in row.items)})
    there = {row.name for row in trained}
    none = [name for name in rows if name not in there]
    notes = [f"no results yet: {', '.join(none)}"] if none else []
    for row in trained:
        lacking = [str(seed) for seed in every if seed not in row.items]
        notes += (
            [f"{row.name} lacks {'seeds' if lacking[1:] else 'seed'} {', '.join(lacking)}"] if lacking else []
        )
    return notes


def _found(name: str, output: Path) -> dict[int, Path]:
    """Find the results of each seed of a row, seeds in order."""
    paths = {path.parents[1].name: path for path in (output / name).glob(f"*/{_RESULTS}")}
    return {seed: paths[str(seed)] for seed in sorted(int(s) for s in paths if s.isdecimal())}


def _scored(name: str, output: Path) -> set[int]:
    """Tell which seeds of a row have results, or scores that were kept."""
    kept = output / name / _KEPT
    return {*_found(name, output), *(recall(kept).items if kept.is_file() else ())}


def _settings(name: str, seed: int, output: Path) -> dict[str, Any]:
    """Give the settings of a training that was scored, as far as they are known."""
    recipe, kept = output / name / str(seed) / "recipe.yaml", output / name / _KEPT
    if recipe.is_file():
        return deciding(recipe.read_text("utf-8"), length=True)
    return recall(kept).settings.get(seed, {}) if kept.is_file() else {}


def _check_settings(recipe: Path, words: Sequence[str], before: Mapping[str, Any], folder: Path) -> None:
    """Refuse to show a training as a row whose settings are others by now.

    Raises
    ------
    ConfigError
        That names them.
    """
    from .tasks import task_of  # which knows of this task, too

    used = task_of(str(recipe)).USED
    _, overrides = command_line.split(words, used)
    now = deciding(hide(resolve_recipe(recipe, overrides, used), used), length=True)
    if before and (differing := differences(before, json.loads(json.dumps(now)))):
        raise ConfigError(
            f"was trained by other settings ({'; '.join(differing)}); give another --output_folder, or remove {folder} "
            f"and {folder.parent / _KEPT} to train it anew"
        )


def _read(name: str, output: Path) -> Trained:
    """Read what is there of a row, and keep it; its cost is measured on its first bundle."""
    there, kept = _found(name, output), output / name / _KEPT
    bundles = [output / name / str(seed) / "bundle" for seed in there]
    cost = next((measure(load(bundle)) for bundle in bundles if bundle.is_dir()), {})
    courses = {seed: read_log(output / name / str(seed) / "train_log.txt") for seed in there}
    settings = {seed: _settings(name, seed, output) for seed in there}
    row = replace(
        read_row(name, there, cost), course={s: c for s, c in courses.items() if c}, settings=settings
    )
    if kept.is_file():
        row = join(recall(kept), row)
    if there:
        keep(row, kept)
        row = recall(kept)  # rounded as they are kept, so that the table is the same without the trainings
    return row


def measure(enhancer: Enhancer) -> dict[str, float]:
    """Measure what an enhancer costs, the enrolment apart: prepared once per speaker, it is not counted.

    Returns
    -------
    dict
        ``"parameters"`` of all but a frozen speaker encoder, ``"macs"`` a second of audio, and ``"rtf"``, the
        real-time factor on one core of this machine, offline.
    """
    mixture = torch.zeros(1, _SECONDS * enhancer.sample_rate)
    with torch.inference_mode(), one_thread():
        cue = None
        if enhancer.needs_cue and enhancer.speaker_encoder is not None:
            clip = 0.1 * torch.randn(1, 1, 3 * enhancer.speaker_encoder.sample_rate)
            cue = enhancer.embed(clip, torch.tensor([[clip.shape[-1]]]))
        prepared = enhancer.backbone.prepare(cue)
        features = enhancer.frontend.features(enhancer.frontend.analyse(mixture))
        return {
            "parameters": float(count_parameters(enhancer.backbone)),
            "macs": count_macs(lambda: enhancer.backbone(features, prepared)) / _SECONDS,
            "rtf": real_time_factor(lambda: enhancer.backbone(features, prepared), float(_SECONDS)),
        }
