"""Read a command line and the recipe that it names, with all that can be checked before data is touched."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, ddp_init_group, if_main_process

from .. import requirements
from ..data import MixtureDataset, RecipeData
from ..errors import ConfigError
from . import checks, command_line, recipe_text
from .config import build_recipe, resolve_recipe


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
    recipe = argv[0]
    options, overrides = _parse(argv, used)
    run_opts = options.as_dict()
    ddp_init_group(options)
    text = resolve_recipe(recipe, overrides, used)
    requirements.check_recipe(text)
    checks.check_plain(Path(recipe).name, text, needed)
    settings = build_recipe(text)
    checks.check_built(settings)
    return Recipe(recipe_text.hide(text, used), settings, {"run_opts": options, **run_opts})


def make_data(make: Callable[[], RecipeData]) -> RecipeData:
    """Make a recipe's sets, the main process first: it writes the manifests that the others read."""
    if not if_main_process():
        ddp_barrier()
    data = make()
    if if_main_process():
        ddp_barrier()
    return data


def make_tests(
    make: Callable[..., RecipeData], named: Mapping[str, Mapping[str, Any]] | None, data: RecipeData
) -> dict[str, MixtureDataset]:
    """Make the test sets that a recipe names, each by options of its data; or give the data's own, as ``"test"``.

    With ``test_seed`` among the data's options their mixtures are the same whatever the seed of the training.
    """
    return {name: make(**options).test for name, options in (named or {}).items()} or {"test": data.test}


def _parse(argv: Sequence[str], used: Collection[str]) -> tuple[Any, dict[str, Any]]:
    """Let SpeechBrain parse its own options; say its complaint in one line."""
    words, overrides = command_line.split(argv[1:], used)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _, options, _ = sb.parse_arguments([argv[0], *words])
    except SystemExit as end:
        if not end.code:
            raise
        complaint = said.getvalue().strip().splitlines() or ["?"]
        raise ConfigError(
            f"{complaint[-1].partition('error: ')[2] or complaint[-1]}; see the recipe's README"
        ) from end
    checks.check_device(str(options["device"] or "cpu"))
    return options, overrides
