"""Run the experiment of a recipe: one cell, or the grid of its sweep."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from pse_runtime.selection import Policy

from ...data import RecipeData
from ...errors import ConfigError, nearest
from ..reading import make_tests, read_recipe
from . import scoring
from .lab import Lab
from .report import VALID, write_report
from .stages import ALONE, STAGES

logger = logging.getLogger(__name__)

ALL = (*STAGES, "evaluate", "report")
"""The stages in their order; the report is of all that lies beside the output folder, other seeds too."""

NEEDED = (
    *("seed", "output_folder", "data", "opt_class", "k", "check_every"),
    *("verify", "gate", "generalist", "specialists", "finetune", "evaluate"),
)
USED = (
    *NEEDED,
    *("task", "sample_rate", "frontend_options", "encoder", "encoder_options", "expert", "expert_options"),
    *(
        "partition",
        "inside",
        "policy",
        "loss",
        "loss_options",
        "schedule",
        "standardise",
        "stages",
        "sweep",
        "tests",
        "licence",
    ),
    *(
        "num_workers",
        "valid_batch_size",
        "threads",
        "max_grad_norm",
        "precision",
        "eval_precision",
        "noprogressbar",
    ),
    *("requires_plugins", "grad_accumulation_factor", "ckpt_interval_minutes"),
)
"""The keys of a recipe that these trainings read."""


def run(argv: Sequence[str]) -> None:
    """Run the stages that the recipe names, for its one cell or for each of its ``sweep``.

    Parameters
    ----------
    argv : sequence of str
        ``[recipe.yaml, --setting, value, ...]``.

    Raises
    ------
    PseError
        For any mistake in the recipe, the settings or the data.
    """
    _, settings, run_opts = read_recipe(argv, USED, NEEDED)
    cells = _cells(settings.get("sweep"))
    for number, cell in enumerate(cells, 1):
        if cell:
            words = [word for key, value in cell.items() for word in (f"--{key}", str(value))]
            logger.info("cell %d of %d: %s", number, len(cells), " ".join(words))
            _, settings, run_opts = read_recipe([*argv, *words], USED, NEEDED)
        _run_cell(settings, run_opts)
    if "report" in _stages(settings):
        above = Path(settings["output_folder"]).parent
        write_report(above, above / "report")


_TRAINING = ("steps", "batch_size", "lr")
STAGE_KEYS = {
    "verify": (*_TRAINING, "tilt", "level_db", "valid_pairs"),
    "gate": (*_TRAINING, "train_encoder"),
    "generalist": _TRAINING,
    "specialists": (*_TRAINING, "start"),
    "finetune": (*_TRAINING, "recompute"),
    "inside": _TRAINING,
    "evaluate": ("seconds",),
    "policy": tuple(field.name for field in fields(Policy)),
}
"""The keys of a recipe that hold mappings -> what may stand in these."""


def _check_mappings(settings: dict[str, Any]) -> None:
    """Refuse what a stage's mapping has that the stage does not read: the default would be trained.

    Raises
    ------
    ConfigError
        With the nearest match.
    """
    for key, known in STAGE_KEYS.items():
        given = settings.get(key) or {}
        if not isinstance(given, dict):
            raise ConfigError(f"{key} is a mapping, such as {{{known[0]}: ...}}, not {given!r}")
        for name in given:
            if name not in known:
                raise ConfigError(
                    f"{key}: no setting {name!r}{nearest(str(name), known)}; it has: {', '.join(known)}"
                )
        missing = [name for name in _TRAINING if name in known and given and name not in given]
        if missing:
            raise ConfigError(f"{key}: lacks {', '.join(missing)}")


def _run_cell(settings: dict[str, Any], run_opts: dict[str, Any]) -> None:
    stages = _stages(settings)
    _check_mappings(settings)
    if settings.get("threads"):
        torch.set_num_threads(int(settings["threads"]))
    make: Callable[..., RecipeData] = settings["data"]
    data = make()
    lab = Lab(
        settings, run_opts, data, lambda: {**make_tests(make, settings.get("tests"), data), VALID: data.valid}
    )
    for stage in stages:
        if stage == "evaluate":
            scoring.evaluate(lab)
        for step in STAGES.get(stage, ()):
            if lab.k > 1 or step in ALONE:
                step(lab)
        if stage == "finetune" and lab.k > 1:
            scoring.ship(lab)


def _stages(settings: dict[str, Any]) -> list[str]:
    """Read which stages to run, in their order.

    Raises
    ------
    ConfigError
        If one is unknown.
    """
    named = settings.get("stages") or list(ALL)
    for name in named:
        if name not in ALL:
            raise ConfigError(f"no stage {name!r}{nearest(str(name), ALL)}; stages: {', '.join(ALL)}")
    return [name for name in ALL if name in named]


def _cells(sweep: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Spread the grid out, cells of small networks and few specialists first.

    Examples
    --------
    >>> _cells([{"k": [5, 2], "hidden": 64}])
    [{'k': 2, 'hidden': 64}, {'k': 5, 'hidden': 64}]
    """
    if not sweep:
        return [{}]
    cells = []
    for grid in sweep:
        lists = {
            key: values if isinstance(values, list | tuple) else [values] for key, values in grid.items()
        }
        cells += [dict(zip(lists, values)) for values in itertools.product(*lists.values())]
    return sorted(
        cells, key=lambda cell: (int(cell.get("hidden", 0)) ** 2 * int(cell.get("k", 1)), str(cell))
    )
