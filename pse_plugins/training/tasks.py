"""What a recipe trains: its ``task`` names who reads the rest of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ConfigError, nearest
from . import recipe_text
from .config import plain_recipe

TASKS = {
    "comparison": "comparison",
    "personalised": "run",
    "speaker-verification": "verification.run",
    "zero-shot-ensemble": "zero_shot.run",
}
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
    return task_of(argv[0] if argv else "").run(argv)


def task_of(recipe: str) -> ModuleType:
    """Give the module that runs a recipe: its ``run``, and the keys that it reads, ``USED`` and ``NEEDED``.

    Raises
    ------
    ConfigError
        If there is no such task.
    """
    task, path = "personalised", Path(recipe)
    if path.is_file():
        task = str(plain_recipe(recipe_text.inline(path)).get("task", task))
    if task not in TASKS:
        raise ConfigError(f"{recipe}: no task {task!r}{nearest(task, TASKS)}; tasks: {', '.join(TASKS)}")
    return import_module(f".{TASKS[task]}", __package__)
