"""Training that starts from a bundle's weights, such as those of the model that comes with the package."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import bundle
from ..assembly import with_defaults
from ..enhancer import Enhancer
from ..errors import ConfigError, nearest
from .record import differences
from .widening import widen

logger = logging.getLogger(__name__)

_SAME = ("backbone", "conditioner", "sample_rate", "speaker_encoder")
_OPTIONS = ("backbone", "conditioner")
_FRONTEND = {"frame": "frame", "compression": "compression"}
_TIMING = {"hop": "hop", "synthesis_frame": "latency"}


def start_from(enhancer: Enhancer, chosen: str, *, grow: bool = False) -> bool:
    """Give an enhancer the weights of a bundle, and the scale of its features.

    Parameters
    ----------
    enhancer : Enhancer
        Its strategies and their options must be the bundle's; a frozen speaker encoder keeps its own weights. Hop and
        synthesis frame may differ: so do the windows then, and the scale of the features is not taken.
    chosen : str
        Folder of the bundle, or ``"default"``.
    grow : bool
        Let a wider network of the same components begin as the bundle's (`widening.widen`).

    Returns
    -------
    bool
        Whether the scale was taken.

    Raises
    ------
    ConfigError
        If they differ; it names the settings.
    BundleError
        If there is no bundle, or it is damaged.
    """
    if chosen != bundle.DEFAULT and not Path(chosen).is_dir():
        raise ConfigError(
            f"start: {chosen}: no such bundle folder{nearest(chosen, [bundle.DEFAULT])}; give the folder that training "
            f"wrote, or '{bundle.DEFAULT}' for the model that is used when none is named"
        )
    source = bundle.load(chosen)
    timing = differences(_measured(source, _TIMING), _measured(enhancer, _TIMING))
    theirs, ours = _settings(source), _settings(enhancer)
    other = [name for name in _OPTIONS if theirs[name] != ours[name]]
    differing = [
        said
        for said in differences(theirs, ours)
        if not said.startswith(tuple(f"{name}_options " for name in other))  # which follow from the name
    ]
    weights = source.state_dict()
    if grow and differing and all(said.startswith("backbone_options") for said in differing):
        weights |= _grow(source, enhancer, differing, chosen)
    elif differing:
        remedy = f": {' '.join(f'--{name} {theirs[name]}' for name in other)}" if other else ""
        raise ConfigError(
            f"start: {chosen} is another network ({'; '.join(differing)}); give the recipe its settings{remedy}"
        )
    if timing:
        logger.info(
            "the network has to learn other hops or windows than those of %s: %s", chosen, "; ".join(timing)
        )
        weights.update({f"frontend.{name}": value for name, value in enhancer.frontend.state_dict().items()})
    try:
        enhancer.load_state_dict(weights)
    except RuntimeError as error:  # a speaker encoder that is trained, too, of other options
        raise ConfigError(
            f"start: the weights of {chosen} do not fit ({' '.join(str(error).split())[:200]})"
        ) from error
    return not timing


def inherited(licence: str, chosen: str) -> dict[str, str]:
    """Say what a bundle takes over from the one that its training starts from, as the weights live on.

    Parameters
    ----------
    licence : str
        Of the data that is trained on; may be empty.
    chosen : str
        As for `start_from`.

    Returns
    -------
    dict
        ``"licence"``, with that of the start's, and ``"start_weights"``, the SHA-256 of its file of weights.
    """
    start = bundle.describe(bundle.find_model(chosen))
    parts = [*licence.split("; "), *start.get("record", {}).get("licence", "").split("; ")]
    return {
        "licence": "; ".join(dict.fromkeys(filter(None, parts))),
        "start_weights": start["weights"]["sha256"],
    }


def _grow(source: Enhancer, enhancer: Enhancer, differing: list[str], chosen: str) -> dict[str, Tensor]:
    """Let the wider enhancer begin as the bundle's; give its weights."""
    try:
        widen(source, enhancer)
    except ConfigError as error:
        raise ConfigError(
            f"start: {chosen} is another network ({'; '.join(differing)}), and this one cannot grow from it: {error}; "
            "give the recipe its settings, or a larger width alone"
        ) from error
    logger.info("the network grows from that of %s: %s", chosen, "; ".join(differing))
    return {f"backbone.{name}": value for name, value in enhancer.backbone.state_dict().items()}


def _settings(enhancer: Enhancer) -> dict[str, Any]:
    """Write out what makes a network the same, defaults too."""
    config = json.loads(json.dumps(with_defaults(enhancer.config), default=str))
    options = {
        f"{key}_options {name}": value for key in _OPTIONS for name, value in config[f"{key}_options"].items()
    }
    return {**{key: config[key] for key in _SAME}, **options, **_measured(enhancer, _FRONTEND)}


def _measured(enhancer: Enhancer, names: dict[str, str]) -> dict[str, Any]:
    """Write out options of the frontend as they came to be."""
    return {f"frontend_options {name}": getattr(enhancer.frontend, own) for name, own in names.items()}
