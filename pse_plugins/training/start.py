"""Training that starts from a bundle's weights, such as those of the model that comes with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import bundle
from ..assembly import with_defaults
from ..enhancer import Enhancer
from ..errors import ConfigError, nearest
from .record import differences

DEFAULT = "default"
"""Stands for the bundle that is used when no model is named."""

_SAME = ("backbone", "conditioner", "sample_rate", "speaker_encoder")
_OPTIONS = ("backbone", "conditioner")
_FRONTEND = {"frame": "frame", "hop": "hop", "synthesis_frame": "latency", "compression": "compression"}


def start_from(enhancer: Enhancer, chosen: str) -> None:
    """Give an enhancer the weights of a bundle, and the scale of its features.

    Parameters
    ----------
    enhancer : Enhancer
        Its strategies and their options must be the bundle's; a frozen speaker encoder keeps its own weights.
    chosen : str
        Folder of the bundle, or ``"default"``.

    Raises
    ------
    ConfigError
        If they differ; it names the settings.
    BundleError
        If there is no bundle, or it is damaged.
    """
    if chosen != DEFAULT and not Path(chosen).is_dir():
        raise ConfigError(
            f"start: {chosen}: no such bundle folder{nearest(chosen, [DEFAULT])}; give the folder that training wrote, "
            f"or '{DEFAULT}' for the model that is used when none is named"
        )
    source = bundle.load(None if chosen == DEFAULT else chosen)
    differing = differences(_settings(source), _settings(enhancer))
    if differing:
        raise ConfigError(
            f"start: {chosen} is another network ({'; '.join(differing)}); give the recipe its settings"
        )
    try:
        enhancer.load_state_dict(source.state_dict())
    except RuntimeError as error:  # a speaker encoder that is trained, too, of other options
        raise ConfigError(
            f"start: the weights of {chosen} do not fit ({' '.join(str(error).split())[:200]})"
        ) from error


def _settings(enhancer: Enhancer) -> dict[str, Any]:
    """Write out what makes a network the same, defaults too."""
    config = json.loads(json.dumps(with_defaults(enhancer.config), default=str))
    frontend = enhancer.frontend
    options = {
        f"{key}_options {name}": value for key in _OPTIONS for name, value in config[f"{key}_options"].items()
    }
    measured = {f"frontend_options {name}": getattr(frontend, own) for name, own in _FRONTEND.items()}
    return {**{key: config[key] for key in _SAME}, **options, **measured}
