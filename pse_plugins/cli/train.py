"""``pse train``: what a recipe's ``train.py`` does."""

from __future__ import annotations

import sys

import typer

from ..resources import recipe_names

CONTEXT = {"ignore_unknown_options": True, "allow_extra_args": True}
"""A recipe's settings and SpeechBrain's run options are passed on."""


def command(
    context: typer.Context,
    recipe: str = typer.Argument(help=f"A recipe's YAML, or one of: {', '.join(recipe_names())}."),
) -> None:
    """Train an enhancer: pse train RECIPE.yaml --data_folder DIR --conditioner film --device cpu ...

    Every key of the recipe's YAML is a setting: --lr 0.001, --conditioner_options "{heads: 4}", --evaluate null.
    """
    import logging

    from ..resources import find_recipe

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from ..training import run

    for name in ("speechbrain", "speechbrain.core", "speechbrain.utils"):  # after its import, which sets them
        logging.getLogger(name).setLevel(logging.WARNING)
    bar = [] if sys.stderr.isatty() or "--noprogressbar" in context.args else ["--noprogressbar"]
    run([str(find_recipe(recipe)), *context.args, *bar])
