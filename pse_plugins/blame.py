"""Where an error comes from: the place in a plugin's code or the user's own, behind all that libraries call."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .api import KINDS
from .host import get_host, label
from .plugin_sources import OWN, Source, installed

_NO_FILE = ("<frozen", "<string", "<__array_function__")


class Place(NamedTuple):
    """A line of somebody's code.

    Attributes
    ----------
    file : str
        Its path.
    line : int
        Counted from 1.
    name : str
        The function, or class, that it is in.
    module : str
        The dotted name of the file's module.
    """

    file: str
    line: int
    name: str
    module: str

    @property
    def package(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


def describe(error: BaseException) -> str:
    """Say in one line what was raised; where only a contract's own method was there to be called, what is missing.

    Examples
    --------
    >>> describe(ValueError("no    good"))
    'ValueError: no good'
    """
    owner, method = _unwritten(error)
    if owner is None:
        return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))
    arguments = ", ".join(inspect.signature(getattr(owner, method)).parameters)
    return f"{owner.__name__} has no {method}: define {method}({arguments})"


def place_of(error: BaseException) -> Place | None:
    """Find the innermost place that is of a plugin or of the user, if there is one."""
    owner, _ = _unwritten(error)
    places = _places(error) if owner is None else _class_places(owner)
    return next((place for place in reversed(places) if _is_somebodys(place)), None)


def plugin_of(place: Place) -> tuple[str, str]:
    """Find the installed plugin that a place is in.

    Returns
    -------
    provider : str
        Its distribution, ``"pse-mine 0.1"``; empty if it is in none.
    component : str
        The one component there that it may be of; empty if that cannot be told.
    """
    source = _source(place)
    if source is None:
        return "", ""
    offers = [c for kind in KINDS for c in get_host().components(kind) if c.distribution == source.provider]
    there = [c for c in offers if str(c.factory).partition(":")[0] == place.module]
    names = {component.name for component in there or offers}
    return f"{source.provider} {source.version}".strip(), names.pop() if len(names) == 1 else ""


def suspects(parts: Iterable[object]) -> str:
    """Name the components of plugins among what a network is made of, and how to check them.

    Parameters
    ----------
    parts : iterable of object
        Its modules, a loss, ...

    Returns
    -------
    str
        ``"; is it conditioner 'mine' (pse-mine 0.1)? run `pse check pse-mine/mine`"``; empty if all is built in.
    """
    modules = {type(part).__module__ for part in parts}
    found = {
        f"; is it {label(kind, c)}? run `pse check {c.distribution}/{c.name}`"
        for kind in KINDS
        for c in get_host().components(kind)
        if c.distribution != OWN and str(c.factory).partition(":")[0] in modules
    }
    return "".join(sorted(found))


def _unwritten(error: BaseException) -> tuple[type | None, str]:
    """Tell which class lacks which method, where what was called is a contract's; (None, "") for other errors."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not isinstance(error, NotImplementedError) or not frames:
        return None, ""
    frame = frames[-1][0]
    owner = type(frame.f_locals.get("self"))
    ours = frame.f_globals.get("__name__") == f"{__package__}.contracts"
    return (owner, frame.f_code.co_name) if ours else (None, "")


def _places(error: BaseException) -> list[Place]:
    """List the places that an error has come through, the innermost last."""
    return [
        Place(f.f_code.co_filename, line, f.f_code.co_name, str(f.f_globals.get("__name__", "")))
        for f, line in traceback.walk_tb(error.__traceback__)
    ]


def _class_places(owner: type) -> list[Place]:
    try:
        file, line = inspect.getsourcefile(owner), inspect.getsourcelines(owner)[1]
    except (OSError, TypeError):  # written where no file is
        return []
    return [Place(file or "", line, owner.__name__, owner.__module__)]


def _is_somebodys(place: Place) -> bool:
    """Tell whether a place is neither in this package nor in a library; a plugin may lie among these."""
    if place.file.startswith((*_NO_FILE, _folder(__file__))) or not place.file:
        return False
    if {"site-packages", "dist-packages"} & set(Path(place.file).parts):
        return _source(place) is not None
    libraries = [getattr(sys.modules.get(name), "__file__", None) for name in ("torch", "speechbrain")]
    folders = [_folder(file) for file in (os.__file__, *libraries) if file]  # os stands for Python's own
    return not place.file.startswith(tuple(folders))


def _folder(file: str) -> str:
    return os.path.dirname(os.path.abspath(file)) + os.sep


def _source(place: Place) -> Source | None:
    """Find the installed plugin whose package a place is in."""
    own = OWN.replace("-", "_")
    found = (s for s in installed() if s.module and s.module.partition(".")[0] == place.package != own)
    return next(found, None)
