"""``pse train``: what a recipe's ``train.py`` does."""

from __future__ import annotations

import typer

CONTEXT = {"ignore_unknown_options": True, "allow_extra_args": True}
"""A recipe's settings and SpeechBrain's run options are passed on."""


def command(
    context: typer.Context,
    recipe: str = typer.Argument(help="A recipe's YAML, or the name of one that comes with pse-plugins."),
) -> None:
    """Train an enhancer: pse train RECIPE.yaml --data_folder DIR --conditioner film --device cpu ..."""
    import logging

    from ..resources import find_recipe

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("speechbrain").setLevel(logging.WARNING)
    from ..training import run

    run([str(find_recipe(recipe)), *context.args])
