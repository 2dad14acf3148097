"""Training that starts from a bundle's weights, such as those of the model that comes with the package."""

from __future__ import annotations

import json
from typing import Any

from .. import bundle
from ..assembly import with_defaults
from ..enhancer import Enhancer
from ..errors import ConfigError

DEFAULT = "default"
"""Stands for the bundle that is used when no model is named."""

_SAME = (
    "backbone",
    "backbone_options",
    "conditioner",
    "conditioner_options",
    "sample_rate",
    "speaker_encoder",
)


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
    source = bundle.load(None if chosen == DEFAULT else chosen)
    ours, theirs = _settings(enhancer), _settings(source)
    if differing := [f"{key}: {theirs[key]}, here {ours[key]}" for key in ours if ours[key] != theirs[key]]:
        raise ConfigError(
            f"start: {chosen} is another network ({'; '.join(differing)}); make the recipe like it"
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
    return {
        **{key: config[key] for key in _SAME},
        "frontend_options": {
            name: getattr(frontend, name) for name in ("frame", "hop", "latency", "compression")
        },
    }
