"""Find what comes with the package but is no code: recipes, fragments, a model."""

from __future__ import annotations

from pathlib import Path

from .errors import ConfigError, nearest

_PACKAGE = Path(__file__).parent

TEMPLATES = _PACKAGE / "templates"
"""What `pse new` writes packages from."""


def share(name: str) -> Path:
    """Give the path of a shared folder, in an installed wheel or in a checkout.

    Parameters
    ----------
    name : str
        ``"recipes"`` or ``"hparams"``.

    Returns
    -------
    Path
        It may not exist.
    """
    installed = _PACKAGE / "_share" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def find_recipe(name: str) -> Path:
    """Find a recipe's YAML by path, or by its name below the shared recipes.

    Parameters
    ----------
    name : str
        ``"my/gru.yaml"``, or ``"LibriSpeech/personalised/gru"``.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If there is none; the message lists those that come with the package.
    """
    if Path(name).is_file():
        return Path(name)
    known = recipe_names()
    if name.removesuffix(".yaml") in known:
        return known[name.removesuffix(".yaml")]
    raise ConfigError(
        f"{name}: no such recipe{nearest(name, known)}; a path, or one of: {', '.join(known) or 'none'}"
    )


def recipe_names() -> dict[str, Path]:
    """Find the recipes that come with the package: ``"LibriSpeech/personalised/gru"`` -> its YAML."""
    paths = sorted(share("recipes").glob("*/*/hparams/*.yaml"))
    return {"/".join((*path.parts[-4:-2], path.stem)): path for path in paths}
