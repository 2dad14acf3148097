"""``pse train``: what a recipe's ``train.py`` does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError
from ..resources import recipe_names

_TELL_MUCH = ("speechbrain", "speechbrain.core", "speechbrain.utils")
_TELL_AT_IMPORT = ("speechbrain.utils.quirks", "speechbrain.utils.seed")
# Each epoch has a line of our own:
_TELL_EACH_EPOCH = ("speechbrain.utils.checkpoints", "speechbrain.utils.epoch_loop")

CONTEXT = {"ignore_unknown_options": True, "allow_extra_args": True}
"""A recipe's settings and SpeechBrain's run options are passed on."""


def command(
    context: typer.Context,
    recipe: str = typer.Argument(help=f"A recipe's YAML, or one of: {', '.join(recipe_names())}."),
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write a copy of the recipe, to be changed, and do no more."),
    ] = None,
) -> None:
    """Train an enhancer: pse train RECIPE.yaml --data_folder DIR --conditioner film --device cpu ...

    Every key of the recipe's YAML is a setting: --lr 0.001, --conditioner_options "{heads: 4}", --evaluate null.
    """
    import logging

    from ..resources import find_recipe

    if write is not None:
        if context.args:
            raise ConfigError(
                f"--write copies a recipe as it is; leave {' '.join(context.args)} out, and edit the copy"
            )
        _copy(find_recipe(recipe), write)
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in (*_TELL_AT_IMPORT, *_TELL_EACH_EPOCH):
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)
    from ..training import run_recipe

    for name in _TELL_MUCH:  # after its import, which sets them
        logging.getLogger(name).setLevel(logging.WARNING)
    bar = [] if sys.stderr.isatty() or "--noprogressbar" in context.args else ["--noprogressbar"]
    run_recipe([str(find_recipe(recipe)), *context.args, *bar])


def _copy(recipe: Path, target: Path) -> None:
    """Write a recipe with its fragments in place, so that it can stand anywhere.

    Raises
    ------
    ConfigError
        If the file is there already, or cannot be written.
    """
    from ..training import recipe_text

    if target.exists():
        raise ConfigError(f"{target} is there already; give another name to --write")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(recipe_text.inline(recipe), "utf-8")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {target}; change it, then: pse train {target} --data_folder ...")
