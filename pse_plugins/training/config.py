"""Read a recipe's YAML strictly: what is unknown or unused is an error, not a shrug."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references

from ..errors import ConfigError, PseError, nearest
from . import recipe_text

logger = logging.getLogger(__name__)

_REF = re.compile(r"!(?:ref|applyref|copy)[^\n]*")
_NAME = re.compile(r"<([^<>.\[\]]+)[^<>]*>")


def load_recipe(path: str | Path, overrides: str | Mapping[str, Any], used: Iterable[str]) -> dict[str, Any]:
    """Resolve a recipe and build everything in it; arguments and errors as `resolve_recipe`.

    Returns
    -------
    dict
        Name -> value.
    """
    return build_recipe(resolve_recipe(path, overrides, used))


def resolve_recipe(path: str | Path, overrides: str | Mapping[str, Any], used: Iterable[str]) -> str:
    """Read a recipe, with fragments, overrides and references in place.

    Parameters
    ----------
    path : str or Path
        A HyperPyYAML file.
    overrides : str or mapping
        What the command line says over it, as SpeechBrain's parser gives it. Where it names another component,
        the options that the file has for its own are dropped.
    used : iterable of str
        The keys that the training reads; all others must serve some ``!ref`` in the file.

    Returns
    -------
    str
        HyperPyYAML that refers to nothing outside of itself.

    Raises
    ------
    ConfigError
        If the file is missing or is not YAML, a key or override is unknown or unused, a placeholder is left.
    """
    path, used = Path(path), set(used)
    if not path.is_file():
        raise ConfigError(f"{path}: no such recipe; give a YAML file, such as hparams/gru.yaml")
    given, source = _mapping(overrides), recipe_text.inline(path)
    before = _plain_mapping(path, source)
    for key, value in given.items():
        if key not in before and key not in used:
            known = {*before, *used}
            raise ConfigError(
                f"no setting --{key}{nearest(key, known)}; {path.name} has: {', '.join(sorted(before))}"
            )
        given[key] = _like(key, value, before.get(key))
    for key, value in given.items():
        if f"{key}_options" in before and value != before[key]:
            if before[f"{key}_options"]:
                logger.warning("%s_options of %s are for %s: left out", key, path.name, before[key])
            source = recipe_text.replace(source, f"{key}_options", "{}")
    text = _resolve(path, source, given)
    _check_used(path, source, before, used)
    return text


def _resolve(path: Path, source: str, given: Mapping[str, Any]) -> str:
    try:
        resolved = resolve_references(source, _overridable(given), overrides_must_match=False)
        return str(resolved.getvalue() if hasattr(resolved, "getvalue") else resolved.read())
    except PseError:
        raise
    except Exception as error:
        placeholder = re.search(r"'(\w+)' is a !PLACEHOLDER", str(error))
        remedy = (
            f"{placeholder[1]} must be given: --{placeholder[1]} VALUE" if placeholder else _one_line(error)
        )
        raise ConfigError(f"{path.name}: {remedy}") from error


def build_recipe(text: str) -> dict[str, Any]:
    """Build what a resolved recipe describes; a component's own error comes through as it is.

    Parameters
    ----------
    text : str
        From `resolve_recipe`.

    Returns
    -------
    dict
        Name -> value.

    Raises
    ------
    PseError
        If something in it cannot be built.
    """
    try:
        return dict(load_hyperpyyaml(io.StringIO(text)))
    except PseError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, PseError):
                raise cause from error
            cause = cause.__cause__ or cause.__context__
        raise ConfigError(f"the recipe cannot be built: {_one_line(error)}") from error


def _mapping(overrides: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(overrides, Mapping):
        return dict(overrides)
    try:
        given = dict(_GivenLoader.load(overrides) or {})
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"the settings on the command line are not YAML: {_one_line(error)}") from error
    return given


def _like(key: str, value: Any, before: Any) -> Any:
    """Give a value in the shape that the recipe's own has, a list or a number as that, or refuse it."""
    mapping = key.endswith("_options")
    if mapping and not isinstance(value, dict):
        raise ConfigError(f"--{key} is a mapping, such as '{{hidden: 64}}', not {value!r}")
    if value in (None, "None") or mapping:
        return value
    for kinds, word in _SHAPES.items():
        if isinstance(before, kinds):
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


def _shown(value: Any) -> str:
    """Write a value as one would on the command line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"'{text}'" if isinstance(value, list | dict) else text


def _overridable(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``None`` as YAML's null: as a string it would be a component of that name."""
    return {key: None if value == "None" else value for key, value in given.items()}


def plain_recipe(text: str) -> dict[str, Any]:
    """Read a recipe's values without building anything; what is to be built shows its arguments."""
    return dict(_PlainLoader.load(text) or {})


def _plain_mapping(path: Path, text: str) -> dict[str, Any]:
    try:
        return plain_recipe(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: not YAML: {_one_line(error)}") from error


def _check_used(path: Path, source: str, keys: Iterable[str], used: set[str]) -> None:
    referred = {name for ref in _REF.findall(source) for name in _NAME.findall(ref)}
    for key in keys:
        if key not in used and key not in referred and not key.startswith("__"):
            raise ConfigError(
                f"{path.name}: the key {key!r} is used by nothing{nearest(key, used)}; remove or mend it"
            )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _PlainLoader(yaml.SafeLoader):
    """Reads the structure of a HyperPyYAML text and builds nothing."""

    @classmethod
    def load(cls, text: str) -> Any:
        """Parse a text."""
        return yaml.load(text, Loader=cls)


_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
"""``1e-4`` is a number, as in HyperPyYAML; in YAML 1.1 it is text."""


class _GivenLoader(_PlainLoader):
    """Reads settings of the command line: fragments may be included, other tags would be lost."""


def _given(loader: _GivenLoader, suffix: str, node: yaml.Node) -> Any:
    kind, _, name = suffix.partition(":")
    if kind != "include":
        raise ConfigError(f"!{suffix}: nothing can be built on the command line; write it into the recipe")
    if not Path(name).is_file():
        raise ConfigError(f"!include:{name}: no such file; the path is relative to where you are")
    return _PlainLoader.load(Path(name).read_text("utf-8"))


def _plain(loader: _PlainLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


_PlainLoader.add_multi_constructor("!", _plain)
_GivenLoader.add_multi_constructor("!", _given)
