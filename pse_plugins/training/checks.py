"""What is wrong with a recipe's settings, said before any data is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import host
from ..errors import ConfigError, PseError
from .schedule import Schedule

_LEAST = {
    "number_of_epochs": 1,
    "batch_size": 1,
    "seed": 0,
    "valid_batch_size": 1,
    "num_workers": 0,
    "threads": 1,
    "k": 1,
    "check_every": 1,
}


def check_arguments(argv: Sequence[str], flags: Sequence[str]) -> None:
    """Refuse a setting that is named and given no value: it would be taken for null.

    Parameters
    ----------
    argv : sequence of str
        The command line.
    flags : sequence of str
        Options that need no value.

    Raises
    ------
    ConfigError
        For the first such setting.

    Examples
    --------
    >>> check_arguments(["gru.yaml", "--debug", "--lr", "-1"], ["debug"])
    """
    for i, word in enumerate(argv):
        name, after = word.removeprefix("--"), argv[i + 1] if i + 1 < len(argv) else "--"
        if word.startswith("--") and "=" not in word and after.startswith("--") and name not in flags:
            raise ConfigError(f"{word} needs a value; {word} null says none")


def check_plain(recipe: str, plain: Mapping[str, Any], needed: Sequence[str]) -> None:
    """Check what must be there, and numbers, before anything is built.

    Raises
    ------
    ConfigError
        For the first that is missing or out of range.
    """
    for key in needed:
        if key not in plain:
            raise ConfigError(f"{recipe}: lacks the key {key!r}; see the recipes' YAML for an example")
    for key, least in _LEAST.items():
        value = plain.get(key, least)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ConfigError(f"{key} must be a whole number of at least {least}, got {value!r}")
    for key, value in plain.items():
        if key.endswith("_options") and value is not None and not isinstance(value, dict):
            raise ConfigError(f"{key} is a mapping, such as {{hidden: 64}}, not {value!r}")
    minutes = plain.get("max_minutes")
    if minutes is not None and (not isinstance(minutes, int | float) or minutes <= 0):
        raise ConfigError(f"max_minutes must be above 0, or null for no limit, got {minutes!r}")


def check_built(settings: Mapping[str, Any]) -> None:
    """Check the loss, the schedule, the optimiser and the output folder, which are used only later.

    Raises
    ------
    PseError
        For the first that cannot be had.
    """
    host.build("loss", settings.get("loss", "si-sdr"), **(settings.get("loss_options") or {}))
    _attempt("schedule", lambda: Schedule(**(settings.get("schedule") or {})))
    _attempt("opt_class", lambda: settings["opt_class"]([torch.zeros(1, requires_grad=True)]))
    output = Path(settings["output_folder"])
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"output_folder {output} cannot be made: {error}; choose another") from error


def _attempt(key: str, build: Any) -> None:
    try:
        build()
    except PseError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{key} cannot be built ({' '.join(str(error).split())}); check its numbers"
        ) from error
