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
        ``"my/gru.yaml"``, ``"LibriSpeech/personalised/gru"``, or ``"LibriSpeech/cross_attention/small/film"``, a row
        of a table.

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
    dataset, _, rest = name.removesuffix(".yaml").partition("/")
    task, _, inside = rest.partition("/")
    shared = share("recipes") / dataset / task / "hparams" / f"{inside}.yaml"
    if inside and shared.is_file():
        return shared
    known = recipe_names()
    raise ConfigError(
        f"{name}: no such recipe{nearest(name, known)}; a path, or one of: {', '.join(known) or 'none'}"
    )


def recipe_names() -> dict[str, Path]:
    """Find the recipes that come with the package, ``"LibriSpeech/personalised/gru"`` -> its YAML; rows apart."""
    paths = sorted(share("recipes").glob("*/*/hparams/*.yaml"))
    return {"/".join((*path.parts[-4:-2], path.stem)): path for path in paths}
