"""The components that a bundle is made of: named so that no other takes their place, and there when it is loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from . import host, requirements
from .api import Component
from .assembly import named_components, with_defaults
from .errors import BundleError, ComponentError
from .plugin_sources import OR_LOCAL, OWN, installed_version, pip_install
from .speaker_encoders.weights import licence_of

_log = logging.getLogger(__name__)


def full_names(config: dict[str, Any]) -> dict[str, Any]:
    """Write third parties' components as ``"pse-moe/moe"``, so that no other's of that name takes their place."""
    full = deepcopy(config)
    for kind, place, key in named_components(full):
        component = host.get_host().find(kind, place[key])
        own = component.distribution == OWN
        place[key] = component.name if own else f"{component.distribution}/{component.name}"
    return full


def own_names(config: dict[str, Any]) -> dict[str, Any]:
    """Read a short name as the built-in component's where a plugin offers the same one."""
    full = deepcopy(config)
    for kind, place, key in named_components(full):
        if sum(component.name == place[key] for component in host.get_host().components(kind)) > 1:
            place[key] = f"{OWN}/{place[key]}"
    return full


def required(config: dict[str, Any]) -> list[str]:
    """List the third-party distributions that the components come from, ``"pse-moe==0.1"``."""
    others = [component for component in _components(config) if component.distribution != OWN]
    return sorted({requirements.of_provider(component.provider) for component in others})


def licence(stated: str, config: dict[str, Any]) -> str:
    """Add the licences of the weights that speaker encoders came with to what is stated of the training.

    Parameters
    ----------
    stated : str
        Of the data that was trained on.
    config : dict
        Of an enhancer, every key given.
    """
    full = with_defaults(config)
    heard = [
        place[f"{key}_options"].get("weights")
        for kind, place, key in named_components(full)
        if kind == "speaker_encoder" and not (place is full and full["conditioner"] is None)
    ]
    weights = [f"speaker encoder's weights: {licence_of(found)}" for found in heard if found]
    return "; ".join(filter(None, [stated, *(said for said in weights if said not in stated)]))


def _components(config: dict[str, Any]) -> Iterator[Component]:
    for kind, place, key in named_components(config):
        yield host.get_host().find(kind, place[key])


def check_plugins(folder: Path, plugins: list[str]) -> None:
    """Say which plugin to install, before anything is built; warn where another version is installed.

    Raises
    ------
    BundleError
        If one is not installed.
    """
    for requirement in plugins:
        name, _, version = requirement.partition("==")
        command = pip_install(requirement)
        installed = installed_version(name)
        if installed is None:
            raise BundleError(f"{folder}: needs the plugin {requirement}: {command}{OR_LOCAL}")
        if installed != version:
            _log.warning(
                "pse: %s: made with %s, and %s is installed; if it sounds wrong: %s",
                *(folder, requirement, installed, command),
            )


def check_components(folder: Path, config: dict[str, Any]) -> None:
    """Say why a plugin that is installed does not offer what the bundle was made with.

    Parameters
    ----------
    folder : Path
        The bundle.
    config : dict
        Its description.

    Raises
    ------
    BundleError
        With the remedy.
    """
    made_with = {requirement.partition("==")[0]: requirement for requirement in config["plugins"]}
    for kind, place, key in named_components(config["enhancer"]):
        name = str(place[key])
        requirement = made_with.get(name.partition("/")[0])
        if requirement is None:
            continue  # a built-in one
        try:
            host.get_host().find(kind, name)
        except ComponentError as error:
            absent = host.get_host().why_absent(name.partition("/")[0])
            why = absent or f"what is installed does not offer it: {_again(requirement)}"
            raise BundleError(f"{folder}: needs the {kind} {name!r} of {requirement}; {why}") from error


def _again(requirement: str) -> str:
    """Write the command that installs a version, also where what is installed only says that it is this one."""
    name, _, version = requirement.partition("==")
    same = installed_version(name) == version
    return pip_install(*(["--force-reinstall"] if same else []), requirement)
