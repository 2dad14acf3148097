"""The text of a recipe: its base and fragments put in place, its top-level keys replaced or left out."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Container
from pathlib import Path

from ..errors import ConfigError
from ..resources import find_recipe
from .plain_yaml import read_checked

_INCLUDE = re.compile(r"^(\w+):[ \t]*!include:(\S+)[ \t]*(?:#.*)?$", re.MULTILINE)
_BASE = re.compile(r"^base:[ \t]*(\S+)[ \t]*(?:#.*)?\n?", re.MULTILINE)
_BLOCK = r"^{}:.*\n?(?:(?:[ \t-].*)?\n)*"
"""A top-level key and what is indented below it."""


def inline(path: Path) -> str:
    """Read a recipe with its base and fragments in place: within HyperPyYAML's ``!include`` nothing can be overridden.

    Parameters
    ----------
    path : Path
        Of the recipe; ``key: !include:FILE`` is relative to it, and so is ``base: FILE``, another recipe whose keys
        hold where this one has none of the name; it may be one that comes with the package, by its name.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        If there is no such fragment or base, a base leads back to itself, or a file is not YAML.
    """
    return _based(path, ())


def _based(path: Path, above: tuple[Path, ...]) -> str:
    """Lay a recipe over its base, that over its own, and so on."""
    text = _with_fragments(path)
    named = _BASE.search(text)
    if named is None:
        return text
    base, above = (path.parent / named[1]).resolve(), (*above, path.resolve())
    if not base.is_file():
        try:
            base = find_recipe(named[1]).resolve()
        except ConfigError as error:
            said = f"{path.name}: its base is {named[1]}, and there is no {base}"
            raise ConfigError(f"{said}; mend that line; {error}") from error
    if base in above:
        raise ConfigError(
            f"{path.name}: its base {named[1]} leads back to it; a recipe cannot be its own base"
        )
    below, own = _based(base, above), _BASE.sub("", text)
    for found in re.finditer(_BLOCK.format(r"([^\s#:-][^\s:]*)"), own, re.MULTILINE):
        there = re.compile(_BLOCK.format(re.escape(found[1])), re.MULTILINE)
        if there.search(below):
            below = there.sub(lambda _: f"{found[0].rstrip()}\n", below, count=1)  # noqa: B023 - used at once
        else:
            below = f"{below.rstrip()}\n{found[0].rstrip()}\n"
    return below


def _with_fragments(path: Path) -> str:
    """Read a recipe with its fragments in place."""

    def fragment(found: re.Match[str]) -> str:
        file = path.parent / found[2]
        if not file.is_file():
            raise ConfigError(
                f"{path.name}: {found[1]} includes {found[2]}, and there is no {file.resolve()}; "
                "keep a copy of a recipe beside it, or write the path in full"
            )
        return f"{found[1]}:\n{textwrap.indent(read_checked(file).rstrip(), '    ')}"

    return _INCLUDE.sub(fragment, read_checked(path))


def replace(text: str, key: str, value: str) -> str:
    r"""Give a top-level key another value, as YAML on one line.

    Examples
    --------
    >>> print(replace("a:\n  x: 1\nb: 2\n", "a", "{}"))
    a: {}
    b: 2
    <BLANKLINE>
    """
    block = re.compile(_BLOCK.format(re.escape(key)), re.MULTILINE)
    return block.sub(lambda _: f"{key}: {value}\n", text)


def put(text: str, key: str, value: str) -> str:
    r"""Give a top-level key a value as `replace` does, at the end where the text has no such key.

    Examples
    --------
    >>> print(put("a: 1\n", "b", "[2]"))
    a: 1
    b: [2]
    <BLANKLINE>
    """
    there = re.search(rf"^{re.escape(key)}:", text, re.MULTILINE)
    return replace(text, key, value) if there else f"{text.rstrip()}\n{key}: {value}\n".lstrip()


def hide(text: str, used: Container[str]) -> str:
    r"""Put ``__`` before all top-level keys but these: they have served, and what refers to them still can.

    Examples
    --------
    >>> print(hide("a: &x\n- 1\nb: *x\n__c: 3\n", ["b"]))
    __a: &x
    - 1
    b: *x
    __c: 3
    <BLANKLINE>
    """
    key = re.compile(r"^(?!__)([^\s#:-][^\s:]*):", re.MULTILINE)
    return key.sub(lambda found: found[0] if found[1] in used else f"__{found[0]}", text)
