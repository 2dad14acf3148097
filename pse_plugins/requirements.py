"""Plugin distributions as pip writes them: which are in use, which a recipe or a bundle needs, which are missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

from . import host
from .api import KINDS
from .errors import ConfigError
from .plugin_sources import OR_LOCAL, OWN, installed_version, normalise, own_version, pip_install

KEY = "requires_plugins"
"""A recipe's key for the plugins that it needs: ``requires_plugins: [pse-moe>=0.1]``."""


class Need(NamedTuple):
    """A requirement that is not met.

    Attributes
    ----------
    why : str
        ``"pse-moe>=0.1 (not installed)"``.
    install : str
        What to give to ``pip install``, ``"pse-moe>=0.1"``; empty where another version would not help.
    absent : bool
        Whether no version is installed.
    """

    why: str
    install: str
    absent: bool = False


def of_provider(provider: str) -> str:
    """Write a component's provider as pip takes it.

    Examples
    --------
    >>> of_provider("pse-gain 0.2")
    'pse-gain==0.2'
    """
    return provider.replace(" ", "==")


def in_use() -> list[str]:
    """List the distributions whose components are on offer, this one's among them.

    Returns
    -------
    list of str
        ``["pse-gain==0.2", "pse-plugins==0.1.0"]``, sorted.
    """
    offers = host.get_host()
    return sorted({of_provider(c.provider) for kind in KINDS for c in offers.components(kind)})


def of_components(named: Iterable[tuple[str, str]]) -> list[str]:
    """List the distributions that components come from, this one among them.

    Parameters
    ----------
    named : iterable of (str, str)
        Kind and name of each.

    Returns
    -------
    list of str
        As `in_use`.

    Raises
    ------
    ComponentError
        If there is no such component.

    Examples
    --------
    >>> [line.partition("==")[0] for line in of_components([("conditioner", "film"), ("loss", "si-sdr")])]
    ['pse-plugins']
    """
    found = {of_provider(host.get_host().find(kind, name).provider) for kind, name in named}
    return sorted({*found, f"{OWN}=={own_version()}"})


def check_recipe(text: str) -> None:
    """Check what a recipe says under ``requires_plugins``; nothing that the recipe describes is built.

    Parameters
    ----------
    text : str
        The recipe, HyperPyYAML.

    Raises
    ------
    ConfigError
        If an entry is malformed, or a plugin is missing, too old or too new, or does not load: one line that
        names all of them and the command that installs them.
    """
    needs = unmet(_stated(text))
    if needs:
        command = pip_install(*(need.install for need in needs if need.install))
        command += OR_LOCAL if any(need.absent for need in needs) else ""
        why = "; ".join(need.why for need in needs)
        raise ConfigError(f"{KEY}: " + ": ".join(filter(None, (why, command))))


def stated_and_used(text: str, used: Iterable[str]) -> list[str]:
    """List what a recipe requires and, for who runs it again, the plugins that it was run with.

    Parameters
    ----------
    text : str
        The recipe. What it requires already stays as it is.
    used : iterable of str
        The distributions, as `of_components` lists them; this one is none of the plugins.

    Returns
    -------
    list of str

    Examples
    --------
    >>> stated_and_used("requires_plugins: [pse-gain]", ["pse-gain==0.2", "pse-moe==0.1", "pse-plugins==0.1.0"])
    ['pse-gain', 'pse-moe>=0.1']
    """
    from packaging.requirements import Requirement

    stated = _stated(text)
    known = {normalise(name) for name in (OWN, *(Requirement(each).name for each in stated))}
    at_least = [
        line.partition("+")[0].replace("==", ">=") for line in used
    ]  # local versions go with == alone
    return stated + [line for line in at_least if normalise(line.partition(">=")[0]) not in known]


def unmet(requirements: Iterable[str]) -> list[Need]:
    """Find which requirements are not met by what is installed and loads.

    Raises
    ------
    ConfigError
        If one is not written as pip takes it.
    """
    return [need for need in map(_need, requirements) if need is not None]


def _stated(text: str) -> list[str]:
    """Read the recipe's key without building what its other keys describe."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs: Any = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for key, value in pairs if key.value == KEY), None)
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(n, yaml.ScalarNode) for n in node.value):
        raise ConfigError(f"{KEY} is not a list of requirements; write it as [pse-moe>=0.1]")
    return [str(entry.value) for entry in node.value]


def _need(text: str) -> Need | None:
    """Say what is wrong with one requirement, if anything is."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise ConfigError(
            f"{KEY}: {text!r} is not a requirement as pip takes it, such as pse-moe>=0.1 "
            f"({str(error).splitlines()[0]})"
        ) from error
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    version = installed_version(wanted.name)
    if version is None:
        return Need(f"{text} (not installed)", text, absent=True)
    if not wanted.specifier.contains(version, prereleases=True):
        return Need(f"{text} ({version} is installed)", text)
    absent = host.get_host().why_absent(wanted.name)
    return Need(f"{text} (installed, but {absent})", "") if absent else None
