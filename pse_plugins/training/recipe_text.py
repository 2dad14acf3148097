"""The text of a recipe: its fragments put in place, its top-level keys replaced or left out."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Container
from pathlib import Path

from ..errors import ConfigError
from .plain_yaml import read_checked

_INCLUDE = re.compile(r"^(\w+):[ \t]*!include:(\S+)[ \t]*(?:#.*)?$", re.MULTILINE)
_BLOCK = r"^{}:.*\n?(?:(?:[ \t-].*)?\n)*"
"""A top-level key and what is indented below it."""


def inline(path: Path) -> str:
    """Read a recipe with its fragments in place: within HyperPyYAML's ``!include`` nothing can be overridden.

    Parameters
    ----------
    path : Path
        Of the recipe; ``key: !include:FILE`` is relative to it.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        If there is no such fragment, or a file is not YAML.
    """

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
