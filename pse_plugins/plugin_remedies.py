"""What to do about a plugin that cannot be used: a command for who uses it, the line to mend for who writes it."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from .api import Component
from .errors import nearest
from .plugin_sources import (
    GROUP,
    OWN,
    PROJECT,
    Failure,
    Source,
    installed_version,
    normalise,
    pip_install,
    reason_of,
)

_FIELDS = tuple(name for name in inspect.signature(Component).parameters if name != "provider")


def failure(source: Source, error: BaseException) -> Failure:
    """Say in one line why a plugin was skipped and what to do."""
    reason = _fields(reason_of(error)) if isinstance(error, TypeError) else reason_of(error)
    return Failure(source.provider, source.version, reason, remedy(source, error), source.entry)


def remedy(source: Source, error: BaseException) -> str:
    """Say what to do about a plugin, or a part of it, that cannot be imported."""
    name, folder = source.provider, source.editable_folder
    first = getattr(error, "remedy", "") or f"pip install -U {name}"
    if isinstance(error, ImportError) and error.name:
        first = _install(source, error)
    if folder and not folder.is_dir():
        first = f"{folder} is gone: pip install -e the folder where it is now"
    elif folder and name in first.split():  # its author is at work: another version is no remedy
        first = f"mend {_place(source, error, folder)}"
    elif folder and isinstance(error, ModuleNotFoundError) and not _unmet(source):
        or_else = "" if _meant(error) else f", or {first}"  # most likely misspelt: nothing declares it
        first = f"mend {_place(source, error, folder)}{_meant(error)}{or_else}"
    if normalise(name) == OWN:
        return first
    return f"{first}, or pip uninstall {name}, or set PSE_BLOCK={name}"


def line_of(function: Callable[..., Any]) -> str:
    """Name the file and line where a function begins; empty for one that is not written in Python."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def line_with(source: Source, text: str) -> str:
    """Name the file of a plugin's module, and the line in it that has a text, if one has; empty without a file."""
    file = getattr(sys.modules.get(source.module), "__file__", None) or ""
    lines = enumerate(linecache.getlines(file), 1) if file else ()
    return next((f"{file}:{number}" for number, line in lines if text in line), file)


def _fields(reason: str) -> str:
    """Name the fields of a record to who wrote another one."""
    found, _, field = reason.partition("Component.__init__() got an unexpected keyword argument ")
    if not field:
        return reason
    field = field.split("'")[1]
    return f"{found}Component has no field {field!r}{nearest(field, _FIELDS)}; fields: {', '.join(_FIELDS)}"


def _place(source: Source, error: BaseException, folder: Path) -> str:
    """Name the line within a folder that an error is mended at; or the plugin's file, or the folder."""
    place = getattr(error, "place", "")
    if place == PROJECT:
        return f"{folder / PROJECT} and pip install -e {folder} again"
    if place:
        return place
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if folder in Path(f.filename).parents and "site-packages" not in f.filename]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else line_with(source, "\0") or str(folder)


def _install(source: Source, error: ImportError) -> str:
    """Give the pip command for a module that could not be imported."""
    top = str(error.name).partition(".")[0]
    if normalise(top) == normalise(source.provider) or top == source.module.partition(".")[0]:
        return f"pip install --force-reinstall {source.provider}"
    if top == GROUP:
        return f"pip install -U {OWN} {source.provider}"
    if not isinstance(error, ModuleNotFoundError):
        return f"pip install -U {source.provider}"
    unmet = _unmet(source)
    same = [text for name, text in unmet.items() if name == normalise(top)]
    if not unmet and (meant := _meant(error)):  # a package of a misspelt name may be anybody's
        return f"pip install -U {source.provider}{meant}"
    return pip_install(*(same or unmet.values() or [normalise(top)]))


def _meant(error: ImportError) -> str:
    """Say which installed module a misspelt one is."""
    top = str(error.name).partition(".")[0]
    match = difflib.get_close_matches(top, packages_distributions(), n=1, cutoff=0.8)
    return f"; {top} may be {match[0]!r}" if match else ""


def _unmet(source: Source) -> dict[str, str]:
    """Find the dependencies that a plugin declares and that are not installed, as pip takes them."""
    from packaging.requirements import Requirement

    unmet = {}
    with contextlib.suppress(Exception):  # metadata that cannot be read
        for requirement in map(Requirement, (source.distribution and source.distribution.requires) or ()):
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if needed and installed_version(requirement.name) is None:
                unmet[normalise(requirement.name)] = f"{requirement.name}{requirement.specifier}"
    return unmet
