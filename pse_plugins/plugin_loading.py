"""Load one plugin whole, and import what it offers; what is wrong with either is said in one line."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pluggy

from .api import API_VERSION, KINDS, Component
from .errors import nearest
from .plugin_remedies import line_of, line_with
from .plugin_sources import OWN, PROJECT, Caution, Remark, Source, UnfitPlugin

PLACEHOLDER = "say in one line what it does"
"""The summary that `pse new` writes, for the author to change."""

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
            what = f"entry point {source.entry!r} must name a module"
            raise UnfitPlugin(f"{what}, not {type(plugin).__name__}", place=PROJECT)
        manager.register(plugin, name)
        _check_hooks(manager, plugin)
        return {kind: _offered(manager, plugin, hook, source) for kind, hook in KINDS.items()}
    except BaseException:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        raise


def remarks(source: Source, offers: dict[str, list[Component]], seconds: float, torch: bool) -> list[Remark]:
    """Remark on what slows every command down, is not said yet, or was written for a newer minor api.

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
    unsaid = [c.name for components in offers.values() for c in components if c.summary == PLACEHOLDER]
    if unsaid:
        reason = f"the summary of {', '.join(unsaid)} is still {PLACEHOLDER!r}"
        found.append(
            Remark(*who, reason, "say it, in Component(...): it is what pse plugins shows", source.entry)
        )
    newest = max((c.api for components in offers.values() for c in components), default=API_VERSION)
    if newest > API_VERSION:
        reason = f"written for the newer api {newest}, this is {API_VERSION}; what it adds is not used"
        found.append(Caution(*who, reason, f"pip install -U {OWN}", source.entry))
    return found


def import_factory(factory: str, source: Source | None) -> Callable[..., Any]:
    """Import what a record names as ``"package.module:Class"``.

    Parameters
    ----------
    factory : str
        The record's text.
    source : Source or None
        The plugin that offers it.

    Raises
    ------
    BaseException
        Whatever the module raises; `UnfitPlugin` if the text is wrong.
    """
    name, _, attribute = factory.partition(":")
    place = line_with(source, factory) if source else ""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        near = _near_module(name, error, source)
        if near is None or source is None:
            raise
        again = f"pip install --force-reinstall {source.provider}"
        raise UnfitPlugin(f"there is no module {error.name!r}{near}", again, place) from error
    if not hasattr(module, attribute):
        near = nearest(attribute, _own(module))
        raise UnfitPlugin(f"{module.__name__} has no {attribute!r}{near}", place=place)
    found = getattr(module, attribute)
    if not callable(found):
        raise UnfitPlugin(f"{factory} is {type(found).__name__}, not a class or a function", place=place)
    return found


def _own(module: ModuleType) -> list[str]:
    """List what a module defines itself."""
    return [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]


def _near_module(name: str, error: ModuleNotFoundError, source: Source | None) -> str | None:
    """Guess which module a plugin's text means that names none; None where something else could not be imported."""
    missing, top = str(error.name), (source.module if source else "").partition(".")[0]
    if not f"{name}.".startswith(f"{missing}."):
        return None
    parent = missing.rpartition(".")[0]
    if not parent:  # who only uses the plugin lacks a package; who writes it may have misspelt its name
        return (nearest(missing, [top]) or None) if source and source.editable_folder else None
    path = getattr(sys.modules.get(parent), "__path__", [])
    inside = [f"{parent}.{module.name}" for module in pkgutil.iter_modules(path)]
    return nearest(missing, inside) if parent.partition(".")[0] == top else None


def _check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Refuse a hook that does not exist, most likely a misspelt one, or that lacks its mark."""
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec():
            near = nearest(caller.name, KINDS.values())
            reason = f"no hook {caller.name!r}{near}; hooks: {', '.join(KINDS.values())}"
            raise UnfitPlugin(reason, place=line_of(caller.get_hookimpls()[-1].function))
    for hook in set(KINDS.values()) - {caller.name for caller in callers}:
        function = vars(plugin).get(hook)
        if callable(function):
            raise UnfitPlugin(f"{hook} is not marked with @hookimpl", place=line_of(function))
    if not callers:
        raise UnfitPlugin(f"it has no hook marked with @hookimpl; hooks: {', '.join(KINDS.values())}")


def _offered(manager: pluggy.PluginManager, plugin: Any, hook: str, source: Source) -> list[Component]:
    """Run one plugin's hook and check each record."""
    records: list[Component] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is plugin:
            try:
                records += _records(hook, implementation)
                _refuse_twice(hook, [record.name for record in records])
            except UnfitPlugin as error:
                error.place = line_of(implementation.function)
                raise
    return [replace(record, provider=f"{source.provider} {source.version}".strip()) for record in records]


def _refuse_twice(hook: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise UnfitPlugin(f"{hook} offers one name twice: {', '.join(names)}")


def _records(hook: str, implementation: pluggy.HookImpl) -> list[Component]:
    """Check what a hook gives: any number of records, written for this major api."""
    if implementation.wrapper or implementation.hookwrapper:
        raise UnfitPlugin(f"{hook} is a wrapper; a plugin offers components, and changes no other's")
    offered: Any = implementation.function()
    if isinstance(offered, Component):
        raise UnfitPlugin(f"{hook} must yield its Component records, not return one")
    records = list(offered or ())
    for record in records:
        if not isinstance(record, Component):
            raise UnfitPlugin(f"{hook} yields Component records, not {_written(record)}")
        if record.api[0] != API_VERSION[0]:
            newer = f"pip install -U {OWN}" if record.api > API_VERSION else ""
            raise UnfitPlugin(
                f"{record.name!r} is written for api {record.api}, this is {API_VERSION}", newer
            )
    return records


def _written(record: Any) -> str:
    """Say what a hook gave in the place of a record; of a class or function, what the record would be."""
    if not (inspect.isclass(record) or inspect.isfunction(record)):
        return type(record).__name__
    return f'{record.__name__} itself: Component("its-name", "{record.__module__}:{record.__qualname__}")'


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
