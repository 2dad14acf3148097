"""Load one plugin whole, and say in one line why one cannot be; nothing here lets a plugin end the tool."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pluggy

from .api import API_VERSION, KINDS, Component
from .errors import nearest
from .plugin_sources import (
    GROUP,
    OWN,
    Caution,
    Failure,
    Remark,
    Source,
    UnfitPlugin,
    installed_version,
    normalise,
    pip_install,
    reason_of,
)

SLOW = 0.5
"""Seconds that a plugin may take to load before it is remarked on."""


def collect(manager: pluggy.PluginManager, source: Source) -> dict[str, list[Component]]:
    """Import a plugin and run its hooks to their end.

    Parameters
    ----------
    manager : pluggy.PluginManager
        That knows the hooks.
    source : Source
        The plugin.

    Returns
    -------
    dict
        Kind -> the components that it offers, each marked with its provider.

    Raises
    ------
    BaseException
        Whatever the plugin raises; `UnfitPlugin` if it breaks a rule. Nothing of it stays registered then.
    """
    name = f"{source.provider}:{source.entry}"
    try:
        plugin = source.load()
        if not inspect.ismodule(plugin):
            raise UnfitPlugin(f"entry point {source.entry!r} must name a module, not {type(plugin).__name__}")
        manager.register(plugin, name)
        _check_hooks(manager, plugin)
        return {kind: _offered(manager, plugin, hook, source) for kind, hook in KINDS.items()}
    except BaseException:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        raise


def remarks(source: Source, offers: dict[str, list[Component]], seconds: float, torch: bool) -> list[Remark]:
    """Remark on a plugin that makes every command slow to start, or is written for a newer minor api.

    Parameters
    ----------
    source, offers
        The plugin, and what `collect` gave.
    seconds : float
        Time that it took to load.
    torch : bool
        Whether it was the first to import torch.
    """
    if source.distribution is None:
        return []
    who, found = (source.provider, source.version), []
    if torch or seconds > SLOW:
        what = "imports torch when it is only listed" if torch else "slow to load"
        remedy = 'name its factories as text, Component(..., factory="module:Class"), and import nothing else'
        reason = f"{what}: {seconds:.1f} s for every command"
        found.append(Remark(*who, reason, remedy, source.entry))
    newest = max((c.api for components in offers.values() for c in components), default=API_VERSION)
    if newest > API_VERSION:
        reason = f"written for the newer api {newest}, this is {API_VERSION}; what it adds is not used"
        found.append(Caution(*who, reason, f"pip install -U {OWN}", source.entry))
    return found


def failure(source: Source, error: BaseException) -> Failure:
    """Say in one line why a plugin was skipped and what to do."""
    return Failure(source.provider, source.version, reason_of(error), remedy(source, error), source.entry)


def remedy(source: Source, error: BaseException) -> str:
    """Say what to do about a plugin, or a part of it, that cannot be imported."""
    name, folder = source.provider, source.editable_folder
    first = getattr(error, "remedy", "") or f"pip install -U {name}"
    if isinstance(error, ImportError) and error.name:
        first = _install(source, error)
    if folder and name in first.split():  # its author is at work: another version is no remedy
        first = f"mend {_place(error, folder)}"
    if normalise(name) == OWN:
        return first
    return f"{first}, or pip uninstall {name}, or set PSE_BLOCK={name}"


def _place(error: BaseException, folder: Path) -> str:
    """Name the line within a folder that an error was raised from, or the folder."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if folder in Path(f.filename).parents and "site-packages" not in f.filename]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else str(folder)


def _install(source: Source, error: ImportError) -> str:
    """Give the pip command for a module that could not be imported."""
    top = str(error.name).partition(".")[0]
    if normalise(top) == normalise(source.provider):
        return f"pip install --force-reinstall {source.provider}"
    if top == GROUP:
        return f"pip install -U {OWN} {source.provider}"
    if not isinstance(error, ModuleNotFoundError):
        return f"pip install -U {source.provider}"
    unmet: dict[str, str] = {}
    with contextlib.suppress(Exception):  # metadata that cannot be read
        unmet = _unmet((source.distribution.requires if source.distribution else None) or [])
    same = [text for name, text in unmet.items() if name == normalise(top)]
    return pip_install(*(same or unmet.values() or [normalise(top)]))


def _unmet(requires: list[str]) -> dict[str, str]:
    """Find the dependencies that a distribution declares and that are not installed, as pip takes them."""
    from packaging.requirements import Requirement

    unmet = {}
    for requirement in map(Requirement, requires):
        needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if needed and installed_version(requirement.name) is None:
            unmet[normalise(requirement.name)] = f"{requirement.name}{requirement.specifier}"
    return unmet


def _check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Refuse a hook that does not exist, most likely a misspelt one, or that lacks its mark."""
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec():
            near = nearest(caller.name, KINDS.values())
            raise UnfitPlugin(f"no hook {caller.name!r}{near}; hooks: {', '.join(KINDS.values())}")
    for hook in set(KINDS.values()) - {caller.name for caller in callers}:
        if callable(vars(plugin).get(hook)):
            raise UnfitPlugin(f"{hook} is not marked with @hookimpl")
    if not callers:
        raise UnfitPlugin(f"it has no hook marked with @hookimpl; hooks: {', '.join(KINDS.values())}")


def _offered(manager: pluggy.PluginManager, plugin: Any, hook: str, source: Source) -> list[Component]:
    """Run one plugin's hook and check each record."""
    records: list[Component] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is plugin:
            if implementation.wrapper or implementation.hookwrapper:
                raise UnfitPlugin(f"{hook} is a wrapper; a plugin offers components, and changes no other's")
            records += _records(hook, implementation.function())
    names = [record.name for record in records]
    if len(set(names)) < len(names):
        raise UnfitPlugin(f"{hook} offers one name twice: {', '.join(names)}")
    return [replace(record, provider=f"{source.provider} {source.version}".strip()) for record in records]


def _records(hook: str, offered: Any) -> list[Component]:
    """Check what a hook gave: any number of records, written for this major api."""
    if isinstance(offered, Component):
        raise UnfitPlugin(f"{hook} must yield its Component records, not return one")
    records = list(offered or ())
    for record in records:
        if not isinstance(record, Component):
            raise UnfitPlugin(f"{hook} yields Component records, not {type(record).__name__}")
        if record.api[0] != API_VERSION[0]:
            newer = f"pip install -U {OWN}" if record.api > API_VERSION else ""
            raise UnfitPlugin(
                f"{record.name!r} is written for api {record.api}, this is {API_VERSION}", newer
            )
    return records


@contextlib.contextmanager
def output_to_stderr() -> Iterator[None]:
    """Send what plugins print, and programs that they start, to stderr: stdout may carry JSON or samples."""
    with contextlib.redirect_stdout(sys.stderr):
        kept = _divert()
        try:
            yield
        finally:
            if kept is not None:
                _flush()
                os.dup2(kept, 1)
                os.close(kept)


def _divert() -> int | None:
    """Point file descriptor 1 at stderr; gives a copy of what it was, or None where there is none."""
    _flush()
    try:
        kept = os.dup(1)
    except OSError:
        return None
    try:
        os.dup2(2, 1)
    except OSError:
        os.close(kept)
        return None
    return kept


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.__stdout__.flush()  # type: ignore[union-attr]
