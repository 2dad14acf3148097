"""Find plugins, survive broken ones, and build components by name."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from .api import API_VERSION, KINDS, Component, HookSpecs
from .errors import ComponentError, PseError, nearest

GROUP = "pse_plugins"
"""Entry-point group in which a distribution names its plugin module."""

ROOMS = tuple(
    f"pse_plugins.{room}"
    for room in ("speaker_encoders", "conditioners", "backbones", "losses", "metrics", "recognisers")
)
"""The built-in plugin modules: named, never imported by name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A plugin that was skipped: who, why, and what to do about it."""

    provider: str
    version: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"skipped plugin {self.provider} {self.version}: {self.reason} (fix: {self.remedy})"


class Host:
    """All components on offer: the built-ins' and those of installed plugins.

    Parameters
    ----------
    discover : bool
        Whether to look for installed plugins besides the built-ins.
    strict : bool
        Raise at the first broken plugin instead of skipping it (``PSE_STRICT=1``).

    Attributes
    ----------
    failures : list of Failure
        The plugins that were skipped.
    """

    def __init__(self, discover: bool = True, strict: bool = False) -> None:
        self.strict = strict
        self.failures: list[Failure] = []
        self._manager = pluggy.PluginManager("pse")
        self._manager.add_hookspecs(HookSpecs)
        self._offers: dict[str, list[Component]] = {kind: [] for kind in KINDS}
        own = importlib.metadata.version("pse-plugins") if _installed("pse-plugins") else ""
        for room in ROOMS:
            self._add("pse-plugins", own, room, functools.partial(importlib.import_module, room))
        for distribution, entry in _entry_points() if discover else ():
            self._add(distribution.name, distribution.version, entry.name, entry.load)

    def components(self, kind: str) -> list[Component]:
        """List what is on offer of one kind, by name.

        Raises
        ------
        ComponentError
            If there is no such kind.
        """
        if kind not in KINDS:
            raise ComponentError(f"no kind {kind!r}{nearest(kind, KINDS)}; kinds: {', '.join(KINDS)}")
        return sorted(self._offers[kind], key=lambda c: (c.name, c.provider))

    def find(self, kind: str, name: str) -> Component:
        """Look a component up by ``"name"`` or ``"distribution/name"``.

        Raises
        ------
        ComponentError
            If nobody offers it, or if two plugins do and the short name does not say which.
        """
        offers = self.components(kind)
        provider, _, short = str(name).rpartition("/")
        found = [c for c in offers if c.name == short and provider in ("", c.provider.split(" ")[0])]
        if len(found) == 1:
            return found[0]
        if found:
            full = "; ".join(f"{c.provider.split(' ')[0]}/{c.name} ({c.provider})" for c in found)
            raise ComponentError(f"{kind} {name!r} is offered by {len(found)} plugins; name one of: {full}")
        names = [c.name for c in offers]
        skipped = "".join(f"; {failure}" for failure in self.failures)
        raise ComponentError(
            f"no {kind} {name!r}{nearest(short, names)}; available: {', '.join(names)}{skipped}"
        )

    def load(self, component: Component) -> Callable[..., Any]:
        """Import a component's factory.

        Raises
        ------
        ComponentError
            If its module or attribute cannot be imported.
        """
        if callable(component.factory):
            return component.factory
        module, _, attribute = component.factory.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except PseError:
            raise
        except Exception as error:
            raise ComponentError(
                f"{component.name!r} of {component.provider} cannot be imported: {_reason(error)}; "
                f"reinstall or remove that package"
            ) from error

    def _add(self, provider: str, version: str, key: str, load: Callable[[], Any]) -> None:
        """Load one plugin whole, or record why not; nothing of a broken one stays."""
        name = f"{provider}:{key}"
        try:
            plugin = load()
            if not inspect.ismodule(plugin):
                raise TypeError(f"entry point {key!r} must name a module, not {type(plugin).__name__}")
            self._manager.register(plugin, name)
            self._check_hooks(plugin)
            offers = {kind: self._collect(plugin, hook, provider, version) for kind, hook in KINDS.items()}
        except Exception as error:
            if self.strict:
                raise
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            remedy = (
                f"pip install -U {provider}, pip uninstall {provider}, or set PSE_PLUGINS= for built-ins only"
            )
            self.failures.append(Failure(provider, version, _reason(error), remedy))
            _log.warning("pse: %s", self.failures[-1])
            return
        for kind, components in offers.items():
            self._offers[kind].extend(components)

    def _check_hooks(self, plugin: Any) -> None:
        """Refuse a hook that does not exist: most likely a misspelt one."""
        for caller in self._manager.get_hookcallers(plugin) or []:
            if not caller.has_spec():
                hooks = ", ".join(KINDS.values())
                raise ValueError(
                    f"no hook {caller.name!r}{nearest(caller.name, KINDS.values())}; hooks: {hooks}"
                )

    def _collect(self, plugin: Any, hook: str, provider: str, version: str) -> list[Component]:
        """Run one plugin's hook to its end and check each record."""
        function = getattr(plugin, hook, None)
        records = list(function() or ()) if function else []
        for record in records:
            if not isinstance(record, Component):
                raise TypeError(f"{hook} yields Component records, not {type(record).__name__}")
            if record.api[0] != API_VERSION[0]:
                raise ValueError(f"{record.name!r} is written for api {record.api}, this is {API_VERSION}")
            if record.api > API_VERSION:
                _log.warning("pse: %s %s is written for the newer api %s", provider, record.name, record.api)
        names = [record.name for record in records]
        if len(set(names)) < len(names):
            raise ValueError(f"{hook} offers one name twice: {', '.join(names)}")
        return [replace(record, provider=f"{provider} {version}".strip()) for record in records]


def _reason(error: BaseException) -> str:
    """Say an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _installed(distribution: str) -> bool:
    """Tell whether a distribution's metadata can be found."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _entry_points() -> Iterator[tuple[Any, importlib.metadata.EntryPoint]]:
    """Give third parties' entry points with their distributions, sorted; ``PSE_PLUGINS=a,b`` restricts them."""
    wanted = os.environ.get("PSE_PLUGINS")
    allowed = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    entries: Iterable[importlib.metadata.EntryPoint] = importlib.metadata.entry_points(group=GROUP)
    for entry in sorted(entries, key=lambda e: (e.dist.name if e.dist else "", e.name)):
        if entry.dist is not None and (allowed is None or entry.dist.name in allowed):
            yield entry.dist, entry


@functools.cache
def get_host() -> Host:
    """Give the process's host, made on first use; ``PSE_STRICT=1`` makes a broken plugin an error."""
    return Host(strict=os.environ.get("PSE_STRICT", "") not in ("", "0"))


def build(kind: str, name: str, **options: Any) -> Any:
    """Build a component by name, its options checked against the factory's signature first.

    Parameters
    ----------
    kind : str
        ``"speaker_encoder"``, ``"conditioner"``, ``"backbone"``, ``"loss"``, ``"metric"`` or ``"recogniser"``.
    name : str
        ``"film"``, or ``"distribution/film"`` where two plugins offer one name.
    **options
        What the factory takes.

    Returns
    -------
    object
        The component.

    Raises
    ------
    ComponentError
        If the kind, the name or an option is unknown, or a needed option is missing.

    Examples
    --------
    >>> type(build("conditioner", "film", dim=8, cue_dim=4)).__name__
    'Film'
    """
    factory, component = load(kind, name)
    check_options(factory, options, f"{kind} {name!r} ({component.provider})")
    return factory(**options)


def load(kind: str, name: str) -> tuple[Callable[..., Any], Component]:
    """Find and import a component's factory; errors as `build`."""
    component = get_host().find(kind, name)
    return get_host().load(component), component


def check_options(factory: Callable[..., Any], options: dict[str, Any], what: str) -> None:
    """Check keyword options against a factory's signature.

    Raises
    ------
    ComponentError
        With the nearest match and the accepted signature, if an option is unknown or missing.
    """
    signature = inspect.signature(factory)
    accepted = f"takes {signature.replace(return_annotation=inspect.Signature.empty)}"
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for option in options:
        if option not in signature.parameters and not takes_any:
            raise ComponentError(
                f"{what}: no option {option!r}{nearest(option, signature.parameters)}; {accepted}"
            )
    try:
        signature.bind(**options)
    except TypeError as error:
        raise ComponentError(f"{what}: {error}; {accepted}") from error
