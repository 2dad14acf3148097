"""Describe a component from its signature and docstring: what it takes, what it does, where it is from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import host
from .api import KINDS, Component, HookSpecs
from .signatures import type_name

GIVEN = ("dim", "cue_dim", "n_bins", "make_conditioner")
"""Arguments that `build_enhancer` gives; all others are options of the recipe."""

_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^(\w[\w, ]*?)(?: : (.*))?$")


@dataclass(frozen=True)
class Option:
    """One argument of a factory.

    Parameters
    ----------
    name : str
        As YAML writes it.
    kind : str
        Its type in words.
    default : str
        As Python writes it; empty if it must be given.
    about : str
        What it does.
    given : bool
        Whether the toolkit gives it, so that a recipe does not.
    """

    name: str
    kind: str
    default: str
    about: str
    given: bool


@dataclass(frozen=True)
class Description:
    """What an author wrote about a component.

    Parameters
    ----------
    kind : str
        Its kind.
    component : Component
        Its record.
    contract : str
        What goes in and out of any component of the kind, with shapes.
    about : str
        What it does, and the paper that it is from.
    options : tuple of Option
        What its factory takes.
    """

    kind: str
    component: Component
    contract: str
    about: str
    options: tuple[Option, ...]


def describe(kind: str, name: str) -> Description:
    """Describe a component on offer.

    Parameters
    ----------
    kind, name : str
        As `pse_plugins.build` takes them.

    Returns
    -------
    Description

    Raises
    ------
    ComponentError
        If nobody offers it, or it cannot be imported.

    Examples
    --------
    >>> film = describe("conditioner", "film")
    >>> [option.name for option in film.options if not option.given]
    ['view', 'normalise']
    """
    factory, component = host.load(kind, name)
    about, entries = _read(factory)
    options = tuple(_option(p, entries) for p in inspect.signature(factory).parameters.values())
    contract = " ".join((inspect.getdoc(getattr(HookSpecs, KINDS[kind])) or "").split())
    return Description(kind, component, contract, about or component.summary, options)


def _option(parameter: inspect.Parameter, entries: dict[str, tuple[str, str]]) -> Option:
    kind, about = entries.get(parameter.name, ("", ""))
    empty = parameter.default is parameter.empty
    annotation = "" if parameter.annotation is parameter.empty else parameter.annotation
    return Option(
        parameter.name,
        kind or type_name(annotation),
        "" if empty else repr(parameter.default),
        about,
        parameter.name in GIVEN,
    )


def _read(factory: Callable[..., Any]) -> tuple[str, dict[str, tuple[str, str]]]:
    """Split a NumPy docstring into what it says first, and its parameters: name -> (type, about)."""
    text = inspect.getdoc(factory) or ""
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], parts[2::2]))
    return parts[0].strip(), _entries(sections.get("Parameters", ""))


def _entries(text: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, list[str]]] = {}
    for line in text.splitlines():
        head = _ENTRY.match(line) if line[:1].strip() else None
        if head:
            about: list[str] = []  # one text for all names of a line
            found |= {name.strip(): (head[2] or "", about) for name in head[1].split(",")}
        elif line.strip() and found:
            about.append(line.strip())
    return {name: (kind, " ".join(lines)) for name, (kind, lines) in found.items()}
