"""What a recipe trains: its ``task`` names who reads the rest of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import ConfigError, nearest
from . import recipe_text
from .config import plain_recipe

TASKS = {"personalised": "run", "zero-shot-ensemble": "zero_shot.run"}
"""Task -> the module here whose ``run`` does it."""


def run_recipe(argv: Sequence[str]) -> Any:
    """Run a recipe by its task; one that names none trains an enhancer.

    Parameters
    ----------
    argv : sequence of str
        ``[recipe.yaml, --setting, value, ...]``.

    Raises
    ------
    PseError
        For any mistake in the recipe, the settings or the data.
    """
    task = "personalised"
    if argv and Path(argv[0]).is_file():
        task = str(plain_recipe(recipe_text.inline(Path(argv[0]))).get("task", task))
    if task not in TASKS:
        raise ConfigError(f"{argv[0]}: no task {task!r}{nearest(task, TASKS)}; tasks: {', '.join(TASKS)}")
    return import_module(f".{TASKS[task]}", __package__).run(argv)
