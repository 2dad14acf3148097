"""Read a command line and the recipe that it names, with all that can be checked before data is touched."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import speechbrain as sb
import torch
from speechbrain.utils.distributed import ddp_init_group

from .. import requirements
from ..errors import ConfigError
from . import checks, recipe_text
from .config import build_recipe, plain_recipe, resolve_recipe


class Recipe(NamedTuple):
    """A recipe as it will be run.

    Attributes
    ----------
    text : str
        Resolved, to be kept: it runs again as it is.
    settings : dict
        What it builds.
    run_opts : dict
        SpeechBrain's run options, and under ``"run_opts"`` as it made them.
    """

    text: str
    settings: dict[str, Any]
    run_opts: dict[str, Any]


def read_recipe(argv: Sequence[str], used: Collection[str], needed: Sequence[str]) -> Recipe:
    """Parse the command line, join the other ranks, and only then build what the YAML describes.

    Parameters
    ----------
    argv : sequence of str
        ``[recipe.yaml, --setting, value, ...]``: settings of the recipe and SpeechBrain's run options.
    used : collection of str
        The keys that the training reads.
    needed : sequence of str
        Those that must be there.

    Raises
    ------
    PseError
        For any mistake in the recipe or the settings.
    """
    if not argv or argv[0].startswith("-"):
        raise ConfigError("the recipe comes first: train.py hparams/gru.yaml --data_folder DIR ...")
    recipe, options, overrides = _parse(argv)
    run_opts = options.as_dict()
    ddp_init_group(options)
    text = resolve_recipe(recipe, overrides, used)
    requirements.check_recipe(text)
    checks.check_plain(Path(recipe).name, plain_recipe(text), needed)
    settings = build_recipe(text)
    checks.check_built(settings)
    return Recipe(recipe_text.hide(text, used), settings, {"run_opts": options, **run_opts})


def _parse(argv: Sequence[str]) -> tuple[str, Any, str]:
    """Let SpeechBrain parse the command line; say its complaint in one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            recipe, options, overrides = sb.parse_arguments(list(argv))
    except SystemExit as end:
        if not end.code:
            raise
        words = said.getvalue().strip().splitlines() or ["?"]
        raise ConfigError(
            f"{words[-1].partition('error: ')[2] or words[-1]}; see the recipe's README"
        ) from end
    checks.check_arguments(argv[1:], list(options.as_dict()))
    device = str(options["device"] or "cpu") if "device" in options.overridden_args else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"--device {device}: torch finds no CUDA device here; use --device cpu, or see `pse doctor`"
        )
    return recipe, options, overrides
