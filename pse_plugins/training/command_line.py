"""Words of a command line: SpeechBrain's run options, and settings, each read beside the value in the recipe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import yaml
from speechbrain.utils.run_opts import HELP_TEXTS, RunOptions

from ..errors import ConfigError
from .plain_yaml import PlainLoader, one_line

_DEFAULTS = RunOptions().as_dict()
_LISTS = ("jit_module_keys", "compile_module_keys")
RUN_OPTIONS = frozenset({*(HELP_TEXTS.keys() & _DEFAULTS.keys()), *_LISTS})
"""What SpeechBrain reads of a command line, in full; it would take a beginning of the name for it as well."""

_FLAGS = frozenset(name for name in RUN_OPTIONS if _DEFAULTS[name] is False)
_HELP = ("--help", "-h")


class Typed(str):
    """A setting as it was typed; `read` says what it means."""


def split(argv: Sequence[str], used: Collection[str]) -> tuple[list[str], dict[str, Any]]:
    """Divide a command line into SpeechBrain's run options and settings of the recipe.

    Parameters
    ----------
    argv : sequence of str
        Without the recipe.
    used : collection of str
        The keys that the training reads: run options among them are settings of the recipe too, so that its
        record is whole.

    Returns
    -------
    list of str
        For SpeechBrain's parser.
    dict
        Setting -> `Typed`, or True for a flag.

    Raises
    ------
    ConfigError
        If a word is neither, or a setting has no value: it would be taken for null.

    Examples
    --------
    >>> split(["--debug", "--lr", "-1", "--device=cpu", "--x=a=b"], ["lr", "x"])
    (['--debug', '--device=cpu'], {'lr': '-1', 'x': 'a=b'})
    """
    options: list[str] = []
    settings: dict[str, Any] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        name, joined, value = word.removeprefix("--").partition("=")
        if word in _HELP:
            options.append(word)
        elif not word.startswith("--") or not name:
            raise ConfigError(f"unexpected argument {word!r}; settings are written --lr 0.001")
        elif name in RUN_OPTIONS and name not in used:
            options += [word, *([] if joined else _values(name, words))]
        elif name in _FLAGS and not joined:
            settings[name] = True
        else:
            settings[name] = Typed(value if joined else _values(name, words)[0])
    return options, settings


def _values(name: str, words: list[str]) -> list[str]:
    """Take an option's values off the words that are left."""
    if name in _FLAGS and name in RUN_OPTIONS:
        return []
    count = next((i for i, word in enumerate(words) if word.startswith("--")), len(words))
    if not count:
        raise ConfigError(f"--{name} needs a value; --{name} null says none")
    taken = words[: count if name in _LISTS else 1]
    del words[: len(taken)]
    return taken


def read(key: str, value: Any, before: Any) -> Any:
    """Read a setting in the shape that the recipe's own value has: text, a list, a mapping or a number.

    Parameters
    ----------
    key : str
        Its name.
    value : object
        `Typed`, or a value of Python's.
    before : object
        What the recipe says; None where it is silent, or tells no shape.

    Raises
    ------
    ConfigError
        If it is not of that shape.

    Examples
    --------
    >>> read("conditioner_options", Typed("views: frames, heads: 4"), {})
    {'views': 'frames', 'heads': 4}
    >>> read("licence", Typed("CC BY: 4.0"), "CC0")
    'CC BY: 4.0'
    """
    if isinstance(value, Typed):
        value = _parse(key, value, before)
    mapping = key.endswith("_options")
    if value in (None, "None"):  # as text it would be a component of that name
        return {} if mapping else None
    if mapping and not isinstance(value, dict):
        raise ConfigError(f"--{key} is a mapping, such as '{{hidden: 64}}', not {value!r}")
    for kinds, word in _SHAPES.items():
        if isinstance(before, kinds) and not mapping:
            if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(before, bool):
                raise ConfigError(f"--{key} is {word}, such as {_shown(before)}, not {value!r}")
            break
    return value


_SHAPES: dict[Any, str] = {
    bool: "True or False",
    (int, float): "a number",
    list: "a list",
    dict: "a mapping",
}


def _parse(key: str, text: str, before: Any) -> Any:
    """Read text as YAML, a mapping without its braces too, or leave it as it is where the recipe has text."""
    plain = isinstance(before, str) or key.endswith("_folder")
    try:
        value = _TypedLoader.load(text)
    except yaml.YAMLError as error:
        value = text if plain else _braced(text)
        if value is None:
            raise ConfigError(f"--{key} {text!r} is not YAML: {one_line(error)}") from error
    return str(text) if plain and not isinstance(value, str | None) else value


def _braced(text: str) -> dict[str, Any] | None:
    """Read ``heads: 4, view: frames``; None if it is no mapping even with braces."""
    try:
        value = _TypedLoader.load("{" + text + "}")
    except yaml.YAMLError:
        return None
    return value if isinstance(value, dict) and all(f"{key}:" in text for key in value) else None


def _shown(value: Any) -> str:
    """Write a value as one would on the command line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"'{text}'" if isinstance(value, list | dict) else text


class _TypedLoader(PlainLoader):
    """Reads settings of the command line: fragments may be included, other tags would be lost."""


def _included(loader: _TypedLoader, suffix: str, node: yaml.Node) -> Any:
    kind, _, name = suffix.partition(":")
    if kind != "include":
        raise ConfigError(f"!{suffix}: nothing can be built on the command line; write it into the recipe")
    if not Path(name).is_file():
        raise ConfigError(f"!include:{name}: no such file; the path is relative to where you are")
    return PlainLoader.load(Path(name).read_text("utf-8"))


_TypedLoader.add_multi_constructor("!", _included)
