"""Read a recipe's YAML strictly: what is unknown or unused is an error, not a shrug."""

from __future__ import annotations

import inspect
import io
import logging
import pydoc
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from hyperpyyaml import load_hyperpyyaml, resolve_references

from ..errors import ConfigError, PseError, nearest
from . import recipe_text
from .command_line import RUN_OPTIONS, read
from .plain_yaml import one_line, plain, tagged

logger = logging.getLogger(__name__)

_REF = re.compile(r"!(?:ref|applyref|copy)[^\n]*")
_NAME = re.compile(r"<([^<>.\[\]]+)[^<>]*>")
_MISSPELT = 0.85
"""How alike an unknown key must be to one that is missing to be taken for it."""

_TELLS_NO_SHAPE = ("ref", "copy", "PLACEHOLDER")
"""Tags whose text is not the value."""


def load_recipe(path: str | Path, overrides: Mapping[str, Any], used: Iterable[str]) -> dict[str, Any]:
    """Resolve a recipe and build everything in it; arguments and errors as `resolve_recipe`.

    Returns
    -------
    dict
        Name -> value.
    """
    return build_recipe(resolve_recipe(path, overrides, used))


def resolve_recipe(path: str | Path, overrides: Mapping[str, Any], used: Iterable[str]) -> str:
    """Read a recipe, with fragments, overrides and references in place.

    Parameters
    ----------
    path : str or Path
        A HyperPyYAML file.
    overrides : mapping
        What is said over it: values, or words of a command line (`Typed`). Mappings are laid over the file's,
        but for an empty ``*_options``, which empties it. Where another component is named, the options that the
        file has for its own are dropped.
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
    source = recipe_text.inline(path)
    before = tagged(source)
    given = {key: _read(path, key, value, before, used) for key, value in overrides.items()}
    _check_given(path, before, given)
    _check_spelt(path, before, used)
    text = _resolve(path, _made_ready(path, source, before, given), given)
    _check_used(path, source, before, used)
    return text


def _read(path: Path, key: str, value: Any, before: Mapping[str, Any], used: set[str]) -> Any:
    """Read what is said over one key of a recipe."""
    if key not in before and key not in used:
        if place := _place_of(key, before):
            raise ConfigError(
                f'no setting --{key} in {path.name}; it is an option of {place}: --{place} "{{{key}: ...}}"'
            )
        known = (
            f"{nearest(key, {*before, *used, *RUN_OPTIONS})}; {path.name} has: {', '.join(sorted(before))}"
        )
        raise ConfigError(f"no setting --{key}{known}")
    own = before.get(key)
    tag = own.get("!") if isinstance(own, dict) else None
    value = read(key, value, None if tag else own)
    if tag and tag not in _TELLS_NO_SHAPE and not isinstance(value, dict):
        raise ConfigError(
            f"--{key} is set in the recipe, not on the command line: write a copy (pse train RECIPE --write "
            f"my.yaml) and change its line '{key}: !{tag}'"
        )
    return value


def _place_of(option: str, before: Mapping[str, Any]) -> str:
    """Find the setting that an option belongs into: one that has it, or that builds what takes it."""
    for name, own in before.items():
        if not isinstance(own, dict):
            continue
        if option in own or _takes(pydoc.locate(str(own.get("!", "")).removeprefix("name:")), option):
            return name
    return ""


def _takes(made: Any, option: str) -> bool:
    try:
        return option in inspect.signature(made).parameters
    except (TypeError, ValueError):  # nothing that is called, or a C function that does not tell
        return False


def _made_ready(path: Path, source: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Empty what nothing can be laid over, and options that are another component's or are not wanted."""
    for key, value in given.items():
        options = f"{key}_options"
        if options in before and value != before[key]:
            if before[options]:
                logger.warning("%s of %s are for %s: left out", options, path.name, before[key])
            source = recipe_text.replace(source, options, "{}")
        emptied = value == {} and key.endswith("_options")
        if key in before and (emptied or (isinstance(value, dict) and not _is_mapping(before[key]))):
            source = recipe_text.replace(source, key, "{}")
    return source if "output_folder" in given else _named_without_none(source, before, given)


def _is_mapping(own: Any) -> bool:
    return isinstance(own, dict) and own.get("!") not in _TELLS_NO_SHAPE


def _named_without_none(source: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Say ``no-conditioner`` in the output folder's name where it would say ``None``."""
    folder, final = before.get("output_folder"), {**before, **given}
    name = folder.get("") if isinstance(folder, dict) else None
    if not isinstance(name, str):
        return source
    for key in _NAME.findall(name):
        if key in final and final[key] is None:
            name = name.replace(f"<{key}>", f"no-{key}")
    return recipe_text.replace(source, "output_folder", f"!ref {name}")


def _check_given(path: Path, before: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    missing = [k for k, v in before.items() if v == {"!": "PLACEHOLDER"} and k not in given]
    if missing:
        remedy = " ".join(f"--{key} VALUE" for key in missing)
        raise ConfigError(f"{path.name}: {', '.join(missing)} must be given: {remedy}")


def _resolve(path: Path, source: str, given: Mapping[str, Any]) -> str:
    try:
        resolved = resolve_references(source, dict(given), overrides_must_match=False)
        return str(resolved.getvalue() if hasattr(resolved, "getvalue") else resolved.read())
    except PseError:
        raise
    except Exception as error:
        reference = re.search(r'reference "([^"]+)" is not valid', str(error))
        known = {*tagged(source), *given}
        said = (
            f"!ref <{reference[1]}>: no such key{nearest(reference[1], known)}"
            if reference
            else one_line(error)
        )
        raise ConfigError(f"{path.name}: {said}") from error


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
        raise ConfigError(f"the recipe cannot be built: {one_line(error)}{_near(error)}") from error


def _near(error: Exception) -> str:
    """Say which name of a module a misspelt one may have meant."""
    found = re.search(r"no such \w+ as (\S+)$", str(error))
    module, _, name = found[1].rpartition(".") if found else ("", "", "")
    if not found:
        return ""
    if not module:
        return "; write its module too, as in torch.optim.Adam"
    inside = pydoc.locate(module)
    return f"; there is no module {module!r}" if inside is None else nearest(name, dir(inside))


def plain_recipe(text: str) -> dict[str, Any]:
    """Read a recipe's values without building anything; what is to be built shows its arguments."""
    return plain(text)


def _check_spelt(path: Path, keys: Collection[str], used: Collection[str]) -> None:
    """Refuse what is most likely a misspelt key, though a ``!ref`` may use it: the default would be trained."""
    absent = [key for key in used if key not in keys]
    for key in (key for key in keys if key not in used and not key.startswith("__")):
        meant = nearest(key, absent, _MISSPELT)
        if meant:
            raise ConfigError(
                f"{path.name}: training reads no key {key!r}{meant}; mend it, or write __{key} if a !ref needs it"
            )


def _check_used(path: Path, source: str, keys: Iterable[str], used: Collection[str]) -> None:
    referred = {name for ref in _REF.findall(source) for name in _NAME.findall(ref)}
    for key in keys:
        if key not in used and key not in referred and not key.startswith("__"):
            raise ConfigError(
                f"{path.name}: the key {key!r} is used by nothing{nearest(key, used)}; remove or mend it"
            )
