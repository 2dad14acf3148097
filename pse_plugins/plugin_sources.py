"""Installed plugins, not loaded yet: which there are, and which of them are wanted.

``PSE_PLUGINS=a,b`` loads only these distributions' plugins (``PSE_PLUGINS=`` none), ``PSE_BLOCK=a,b`` leaves these
out; names are compared as pip does, so ``Pse_Gain`` is ``pse-gain``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlparse

from .errors import nearest

GROUP = "pse_plugins"
"""Entry-point group in which a distribution names its plugin module."""

OWN = "pse-plugins"
"""The distribution that offers the built-in components."""

PROJECT = "pyproject.toml"
"""The file in a plugin's folder that names its entry points."""

OR_LOCAL = ", or pip install -e its folder"
"""What else installs a plugin that is missing here: it may be nowhere but on this machine."""

_LONGEST = 300


@dataclass(frozen=True)
class Remark:
    """Something to mend about a plugin that works all the same, or about a setting that chooses plugins.

    Parameters
    ----------
    provider, version : str
        The distribution, or the setting's name and an empty string.
    reason, remedy : str
        What is wrong, and what to do.
    entry : str
        The entry point's name.
    """

    provider: str
    version: str
    reason: str
    remedy: str
    entry: str = ""

    _label = "remark on"

    def __str__(self) -> str:
        who = f"{self.provider} {self.version}".strip()
        return f"{self._label} {who}: {self.reason} (fix: {self.remedy})"


@dataclass(frozen=True)
class Caution(Remark):
    """A remark on what may not work as meant: every command warns of it."""

    _label = "mind"


@dataclass(frozen=True)
class LeftOut(Remark):
    """A plugin that a setting keeps from being loaded."""

    _label = "left out plugin"


@dataclass(frozen=True)
class Failure(Remark):
    """A plugin that was skipped: who, why, and what to do about it."""

    _label = "skipped plugin"


class UnfitPlugin(Exception):
    """A plugin that breaks a rule of this host.

    Parameters
    ----------
    reason : str
        Which rule, in one line.
    remedy : str
        What the user can do besides removing the plugin; by default, to upgrade it.
    place : str
        Where its author mends it: a file with a line, or a file's name in the project's folder.
    """

    def __init__(self, reason: str, remedy: str = "", place: str = "") -> None:
        super().__init__(reason)
        self.remedy, self.place = remedy, place


@dataclass(frozen=True)
class Source:
    """One plugin module, not loaded yet.

    Parameters
    ----------
    provider, version : str
        The distribution that it belongs to.
    entry : str
        The entry point's name, or the built-in room's.
    load : callable
        Imports the module.
    distribution : importlib.metadata.Distribution or None
        Its metadata; None for a built-in room.
    module : str
        The dotted name of what `load` imports; empty if that cannot be read.
    """

    provider: str
    version: str
    entry: str
    load: Callable[[], Any]
    distribution: importlib.metadata.Distribution | None = None
    module: str = ""

    @property
    def editable_folder(self) -> Path | None:
        """Its sources, where it was installed with ``pip install -e``; None where it was not."""
        with contextlib.suppress(Exception):  # metadata that cannot be read
            text = self.distribution.read_text("direct_url.json") if self.distribution else None
            about = json.loads(text or "{}")
            if about.get("dir_info", {}).get("editable"):
                return Path(unquote(urlparse(about["url"]).path))
        return None


def normalise(distribution: str) -> str:
    """Write a distribution's name in the one way that pip compares (PEP 503).

    Examples
    --------
    >>> normalise("Pse_Gain.Extra")
    'pse-gain-extra'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def own_version() -> str:
    """Give the version of this package: of the code that runs, installed or not."""
    return str(importlib.import_module(str(__package__)).__version__)


def installed_version(distribution: str) -> str | None:
    """Give the version of a distribution, of this one too where it runs from a checkout; None if there is none."""
    if normalise(distribution) == OWN:
        return own_version()
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def pip_install(*requirements: str) -> str:
    """Write the command that installs requirements; empty for none.

    Examples
    --------
    >>> pip_install("pse-gain==0.2", "pse-moe>=0.1")
    'pip install pse-gain==0.2 "pse-moe>=0.1"'
    """
    quoted = [f'"{text}"' if set(text) & set("<>;!~ []*") else text for text in requirements]
    return " ".join(["pip install", *quoted]) if quoted else ""


def built_in(rooms: Iterable[str]) -> list[Source]:
    """Give this package's own plugin modules, by dotted name."""
    version = own_version()
    load = importlib.import_module
    return [Source(OWN, version, room, functools.partial(load, room), module=room) for room in rooms]


def installed() -> list[Source]:
    """Find third parties' plugins, sorted by distribution and entry point; nothing of theirs is run.

    Where a distribution lies on the path twice, the first counts, as for Python's import.
    """
    found: dict[str, list[Source]] = {}
    for distribution in importlib.metadata.distributions():
        sources = _sources(distribution)
        if sources:
            found.setdefault(normalise(sources[0].provider), sources)
    return [s for name in sorted(found) for s in sorted(found[name], key=lambda s: s.entry)]


def wanted(sources: list[Source]) -> tuple[list[Source], list[LeftOut | Caution]]:
    """Choose plugins by ``PSE_PLUGINS`` and ``PSE_BLOCK``.

    Returns
    -------
    list of Source
        To be loaded.
    list of LeftOut and Caution
        Those not to be loaded, and names in the settings that no installed plugin has.
    """
    only, block = _setting("PSE_PLUGINS"), _setting("PSE_BLOCK") or {}
    kept: list[Source] = []
    remarks: list[LeftOut | Caution] = []
    for source in sources:
        name = normalise(source.provider)
        if name in block or (only is not None and name not in only):
            why = ("PSE_BLOCK names it", f"take {source.provider} out of PSE_BLOCK")
            if name not in block:
                why = ("PSE_PLUGINS does not name it", f"add {source.provider} to PSE_PLUGINS, or unset it")
            remarks.append(LeftOut(source.provider, source.version, *why, source.entry))
        else:
            kept.append(source)
    known = {normalise(source.provider) for source in sources}
    remarks += _unknown("PSE_PLUGINS", only or {}, {*known, OWN})
    remarks += _unknown("PSE_BLOCK", block, known)
    return kept, remarks


def reason_of(error: BaseException) -> str:
    """Say an error in one line, whatever it is."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # an error that cannot even be printed
        text = "(says nothing)"
    if not isinstance(error, UnfitPlugin):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _sources(distribution: importlib.metadata.Distribution) -> list[Source]:
    """List a distribution's plugins; a damaged list that may be for us is a plugin that does not load."""
    try:
        entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
    except Exception as error:  # a damaged entry_points.txt, of whomever
        if not _mentions_us(distribution):
            return []
        return [
            Source(
                *_identity(distribution), "entry_points.txt", functools.partial(_fail, error), distribution
            )
        ]
    if not entries:
        return []
    who = _identity(distribution)
    return [Source(*who, e.name, functools.partial(_import, e), distribution, _module(e)) for e in entries]


def _mentions_us(distribution: importlib.metadata.Distribution) -> bool:
    with contextlib.suppress(Exception):
        return f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or "")
    return False


def _identity(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Give name and version; where the metadata is damaged, those of the folder's name."""
    try:
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
    except Exception:  # no METADATA, or none that can be read
        name, version = "", ""
    stem = getattr(getattr(distribution, "_path", None), "stem", "").split("-")
    return name or stem[0] or "unknown", version or (stem[1] if len(stem) > 1 else "")


def _module(entry: importlib.metadata.EntryPoint) -> str:
    """Read the dotted name of the module that an entry point names, or begins with."""
    return entry.value.partition(":")[0].partition("[")[0].strip()


def _import(entry: importlib.metadata.EntryPoint) -> Any:
    """Import what an entry point names."""
    what, again = f"its entry point {entry.name!r}", ""
    if entry.dist:
        again = f"pip install --force-reinstall {entry.dist.name}"
    if not entry.pattern.match(entry.value):
        raise UnfitPlugin(f"{what} is no dotted module name: {entry.value!r}", place=PROJECT)
    module = _module(entry)
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            reason = f"{what} names no module: there is no {error.name!r}"
            raise UnfitPlugin(reason, again, PROJECT) from error
        raise
    except AttributeError as error:
        if module in sys.modules:  # it was imported: what comes behind the colon is not there
            raise UnfitPlugin(f"{what} must name a module: {error}", place=PROJECT) from error
        raise


def _fail(error: Exception) -> NoReturn:
    reason = f"its entry_points.txt cannot be read ({reason_of(error)})"
    raise UnfitPlugin(reason, place=PROJECT) from error


def _setting(variable: str) -> dict[str, str] | None:
    """Read a comma-separated list of distributions, normalised name -> as written; None if it is not set."""
    value = os.environ.get(variable)
    if value is None:
        return None
    return {normalise(name): name for name in map(str.strip, value.split(",")) if name}


def _unknown(variable: str, given: dict[str, str], known: set[str]) -> list[Caution]:
    return [
        Caution(
            variable,
            "",
            "the built-in components cannot be left out"
            if name == OWN
            else f"no installed plugin is called {written!r}{nearest(name, known)}",
            f"mend or unset {variable}",
        )
        for name, written in given.items()
        if name not in known
    ]
