"""What is wrong with a recipe's settings, said before any data is read."""

from __future__ import annotations

import contextlib
import inspect
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import host
from ..data.dataset import MixtureDataset
from ..data.dataset import make as make_record
from ..data.law import MixingLaw
from ..errors import ComponentError, ConfigError, PseError
from ..signatures import type_name
from .plain_yaml import one_line, tagged
from .schedule import Schedule

_LEAST = {
    "number_of_epochs": 1,
    "batch_size": 1,
    "seed": 0,
    "standardise": 0,
    "valid_batch_size": 1,
    "num_workers": 0,
    "threads": 1,
    "k": 1,
    "check_every": 1,
    "grad_accumulation_factor": 1,
    "ckpt_interval_steps": 0,
    "optimizer_step_limit": 1,
}
_MAY_BE_NULL = ("valid_batch_size", "num_workers", "threads", "optimizer_step_limit")
_PRECISIONS = ("fp32", "bf16", "fp16")


def check_device(device: str) -> None:
    """Check that there is such a device.

    Raises
    ------
    ConfigError
        If torch knows none of the name, or has none here.
    """
    try:
        kind, index = torch.device(device).type, torch.device(device).index or 0
    except RuntimeError as error:
        raise ConfigError(f"--device {device}: no such device; use cpu, cuda, cuda:1 or mps") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"--device {device}: torch finds no CUDA device here; use --device cpu, or see `pse doctor`"
        )
    if kind == "cuda" and index >= torch.cuda.device_count():
        raise ConfigError(
            f"--device {device}: there are {torch.cuda.device_count()} CUDA devices here, counted from 0"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"--device {device}: torch finds no Apple GPU here; use --device cpu")


def check_plain(recipe: str, text: str, needed: Sequence[str]) -> None:
    """Check what must be there, and numbers, before anything is built.

    Parameters
    ----------
    recipe : str
        Its name, for the message.
    text : str
        The recipe, resolved.
    needed : sequence of str
        The keys that must be there.

    Raises
    ------
    ConfigError
        For the first that is missing, out of range, or would be built too early.
    """
    plain = tagged(text)
    for key in needed:
        if key not in plain:
            raise ConfigError(f"{recipe}: lacks the key {key!r}; see the recipes' YAML for an example")
    for key, value in plain.items():
        if key.endswith("_options") and value is not None and not isinstance(value, dict):
            raise ConfigError(f"{key} is a mapping, such as {{hidden: 64}}, not {value!r}")
    for key in ("opt_class", "data"):
        tag = str(plain[key].get("!")) if isinstance(plain.get(key), dict) else ""
        if tag.startswith("new:"):
            name = tag.removeprefix("new:")
            raise ConfigError(f"{recipe}: {key} is built later; write !name:{name}, not !new:{name}")
    _check_numbers(plain)


def _check_numbers(plain: Mapping[str, Any]) -> None:
    """Check that what is counted can be, and the names of precisions."""
    for key, least in _LEAST.items():
        value = plain.get(key, least)
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not whole and not (value is None and key in _MAY_BE_NULL):
            raise ConfigError(f"{key} must be a whole number of at least {least}, got {value!r}")
    minutes = plain.get("max_minutes")
    if minutes is not None and (not isinstance(minutes, int | float) or minutes <= 0):
        raise ConfigError(f"max_minutes must be above 0, or null for no limit, got {minutes!r}")
    interval = plain.get("ckpt_interval_minutes", 0)
    if not isinstance(interval, int | float) or interval < 0:
        raise ConfigError(f"ckpt_interval_minutes must be 0 (none) or above, got {interval!r}")
    for key in ("precision", "eval_precision"):
        if plain.get(key, "fp32") not in _PRECISIONS:
            raise ConfigError(f"{key} must be one of {', '.join(_PRECISIONS)}, got {plain[key]!r}")


def check_built(settings: Mapping[str, Any]) -> None:
    """Check the data's options, the loss, the schedule, the optimiser and the output folder, before their turn.

    Raises
    ------
    PseError
        For the first that cannot be had.
    """
    for key in ("opt_class", "data"):
        if key in settings and not callable(settings[key]):
            raise ConfigError(
                f"{key} is a function by its name, such as !name:torch.optim.Adam, not {settings[key]!r}"
            )
    with options_found(settings):
        host.build("loss", settings.get("loss", "si-sdr"), **(settings.get("loss_options") or {}))
    _attempt("schedule", lambda: Schedule(**(settings.get("schedule") or {})))
    _attempt(
        f"opt_class{_given(settings['opt_class'])}",
        lambda: settings["opt_class"]([torch.zeros(1, requires_grad=True)]),
    )
    if "data" in settings:
        _check_data(settings["data"])
    if not isinstance(settings["output_folder"], str):
        raise ConfigError(f"output_folder must be a folder's name, got {settings['output_folder']!r}")
    _check_folder(Path(settings["output_folder"]))


@contextlib.contextmanager
def options_found(settings: Mapping[str, Any]) -> Iterator[None]:
    """Say where the recipe has an option that a component does not take: it may be left of another component.

    Raises
    ------
    ComponentError
        With that at its end.
    """
    try:
        yield
    except ComponentError as error:
        found = re.match(r"(\w+) .*: no option '(\w+)'", str(error))
        key = f"{found[1]}_options" if found else ""
        if found and found[2] in (settings.get(key) or {}):
            where = f"it stands in {key}: change them, or clear them with {key}: {{}}"
            raise ComponentError(f"{error}; {where}") from error
        raise


def _attempt(what: str, build: Callable[[], Any]) -> None:
    try:
        build()
    except PseError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{what} cannot be built ({one_line(error)}); check its numbers, written as 0.001"
        ) from error


def _given(make: Any) -> str:
    """Show what a function is to be called with."""
    words = [f"{key}: {value!r}" for key, value in getattr(make, "keywords", {}).items()]
    return f" with {', '.join(words)}" if words else ""


def _check_data(make: Callable[..., Any]) -> None:
    """Check what is said under ``data:`` against the function that makes the sets."""
    function, given = getattr(make, "func", make), dict(getattr(make, "keywords", {}))
    if getattr(make, "args", ()):
        return
    host.check_options(function, given, "data")
    parameters = inspect.signature(function).parameters
    for key in (key for key, value in given.items() if value is None and key in parameters):
        kind = type_name(parameters[key].annotation)
        if parameters[key].annotation is not inspect.Parameter.empty and not _takes_null(kind):
            raise ConfigError(f"data: {key} must not be null; it is {kind}")
    if function.__module__.startswith(MixingLaw.__module__.rpartition(".")[0]):
        law = {**(given.get("law") or {}), **(given.get("test_law") or {})}
        own = inspect.signature(MixtureDataset).parameters
        make_record(MixingLaw, {key: value for key, value in law.items() if key not in own})


def _takes_null(annotation: str) -> bool:
    return annotation in ("Any", "object") or "None" in annotation or "Optional" in annotation


def _check_folder(output: Path) -> None:
    """Check that a folder can be made and written to, and leave nothing behind."""
    there = next(path for path in (output, *output.absolute().parents) if path.exists())
    try:
        Path(tempfile.mkdtemp(prefix=".pse-", dir=there)).rmdir()
    except OSError as error:
        raise ConfigError(
            f"output_folder {output} cannot be made: {error.strerror}; choose another"
        ) from error
