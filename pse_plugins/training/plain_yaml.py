"""Read YAML without building what it describes, and say the file and line of what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError


class PlainLoader(yaml.SafeLoader):
    """Reads the structure of a HyperPyYAML text and builds nothing."""

    @classmethod
    def load(cls, text: str) -> Any:
        """Parse a text.

        Raises
        ------
        YAMLError
            If it is not YAML.
        """
        return yaml.load(text, Loader=cls)


PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
"""``1e-4`` is a number, as in HyperPyYAML; in YAML 1.1 it is text."""


def _untagged(loader: PlainLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


PlainLoader.add_multi_constructor("!", _untagged)


class _TagLoader(PlainLoader):
    """Keeps what a tag says beside its arguments, under ``!``."""


def _tagged(loader: _TagLoader, suffix: str, node: yaml.Node) -> Any:
    value = _untagged(loader, suffix, node)
    return {"!": suffix, **(value if isinstance(value, dict) else {"": value} if value else {})}


_TagLoader.add_multi_constructor("!", _tagged)


def plain(text: str) -> dict[str, Any]:
    r"""Read a recipe's values without building anything; what is to be built shows its arguments.

    Examples
    --------
    >>> plain("a: !name:torch.optim.Adam\n    lr: 1e-3")
    {'a': {'lr': 0.001}}
    """
    return dict(PlainLoader.load(text) or {})


def tagged(text: str) -> dict[str, Any]:
    r"""Read a recipe's values with what is to be built of them.

    Examples
    --------
    >>> tagged("a: !name:torch.optim.Adam\n    lr: 1e-3")
    {'a': {'!': 'name:torch.optim.Adam', 'lr': 0.001}}
    """
    return dict(_TagLoader.load(text) or {})


def read_checked(path: Path) -> str:
    """Read a file that holds a mapping in YAML, no key of it twice.

    Raises
    ------
    ConfigError
        With the line, if it does not.
    """
    try:
        text = path.read_text("utf-8")
        root = yaml.compose(text, Loader=PlainLoader)
        PlainLoader.load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {error.problem}{_since(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not YAML: {one_line(error)}") from error
    if not isinstance(root, yaml.MappingNode | None):
        raise ConfigError(f"{path}: holds no settings; write them as 'key: value', one a line")
    for key, first in _twice(root):
        line, where = key.start_mark.line + 1, first.start_mark.line + 1
        raise ConfigError(f"{path}, line {line}: {key.value!r} is there already, in line {where}; remove one")
    return text


def _since(error: yaml.MarkedYAMLError) -> str:
    """Say what was being read, where it began above."""
    mark = error.context_mark
    return f" {error.context} that begins in line {mark.line + 1}" if error.context and mark else ""


def _twice(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Find keys that a mapping has twice, and where each is first."""
    for part in node.value if isinstance(node, yaml.SequenceNode) else []:
        yield from _twice(part)
    first: dict[str, yaml.Node] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
            yield key, first[key.value]
        yield from _twice(value)


def one_line(error: BaseException) -> str:
    """Say an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
