"""Find plugins, survive broken ones, and build components by name."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pluggy

from . import plugin_loading, plugin_sources
from .api import KINDS, Component, HookSpecs
from .errors import ComponentError, PseError, nearest
from .plugin_loading import output_to_stderr
from .plugin_sources import Caution, Failure, LeftOut, Remark, Source, UnfitPlugin, normalise
from .signatures import check_options

ROOMS = tuple(
    f"pse_plugins.{room}"
    for room in ("speaker_encoders", "conditioners", "backbones", "losses", "metrics", "recognisers")
)
"""The built-in plugin modules: named, never imported by name."""

_log = logging.getLogger(__name__)


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
    remarks : list of Remark
        What else is worth mending, and (`LeftOut`) the plugins that ``PSE_PLUGINS`` or ``PSE_BLOCK`` keeps out.

    Raises
    ------
    ComponentError
        If ``strict`` and a plugin is broken.
    """

    def __init__(self, discover: bool = True, strict: bool = False) -> None:
        self.strict = strict
        self.failures: list[Failure] = []
        self.remarks: list[Remark] = []
        self._manager = pluggy.PluginManager("pse")
        self._manager.add_hookspecs(HookSpecs)
        self._offers: dict[str, list[Component]] = {kind: [] for kind in KINDS}
        self._sources: dict[str, Source] = {}
        sources = plugin_sources.built_in(ROOMS)
        if discover:
            third_parties, remarks = plugin_sources.wanted(plugin_sources.installed())
            sources += third_parties
            self._remark(remarks)
        with output_to_stderr():
            for source in sources:
                self._add(source)

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
        given, _, short = str(name).rpartition("/")
        found = [c for c in offers if c.name == short and normalise(given) in ("", normalise(c.distribution))]
        if len(found) == 1:
            return found[0]
        if found:
            full = "; ".join(f"{c.distribution}/{c.name} ({c.provider})" for c in found)
            raise ComponentError(f"{kind} {name!r} is offered by {len(found)} plugins; name one of: {full}")
        names = [c.name for c in offers]
        absent = "".join(f"; {failure}" for failure in self.failures)
        left_out = ", ".join(r.provider for r in self.remarks if isinstance(r, LeftOut))
        absent += f"; left out by PSE_PLUGINS or PSE_BLOCK: {left_out}" if left_out else ""
        if given and plugin_sources.installed_version(given) is None:
            absent = f"; {given} is not installed: {plugin_sources.pip_install(given)}"
        raise ComponentError(
            f"no {kind} {name!r}{nearest(short, names)}; available: {', '.join(names)}{absent}"
        )

    def why_absent(self, distribution: str) -> Remark | None:
        """Say why an installed plugin's components are not on offer; None if nothing keeps them away."""
        reasons = [*self.failures, *(remark for remark in self.remarks if isinstance(remark, LeftOut))]
        return next((r for r in reasons if normalise(r.provider) == normalise(distribution)), None)

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
            with output_to_stderr():
                return _attribute(importlib.import_module(module), attribute)
        except (PseError, KeyboardInterrupt):
            raise
        except BaseException as error:
            source = self._sources.get(component.provider)
            fix = plugin_loading.remedy(source, error) if source else "reinstall or remove that package"
            raise ComponentError(
                f"{component.name!r} of {component.provider} cannot be imported: "
                f"{plugin_sources.reason_of(error)} (fix: {fix})"
            ) from error

    def _remark(self, remarks: Sequence[Remark]) -> None:
        self.remarks += remarks
        for remark in remarks:
            if isinstance(remark, Caution):
                _log.warning("pse: %s", remark)

    def _add(self, source: Source) -> None:
        """Load one plugin whole, or record why not."""
        began, had_torch = time.perf_counter(), "torch" in sys.modules
        try:
            offers = plugin_loading.collect(self._manager, source)
            self._check_new(offers)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: no plugin ends the tool
            failure = plugin_loading.failure(source, error)
            if self.strict:
                raise ComponentError(str(failure)) from error
            self.failures.append(failure)
            _log.warning("pse: %s", failure)
            return
        imported_torch = not had_torch and "torch" in sys.modules
        seconds = time.perf_counter() - began
        self._remark(plugin_loading.remarks(source, offers, seconds, imported_torch))
        for kind, components in offers.items():
            self._offers[kind].extend(components)
            self._sources.update((component.provider, source) for component in components)

    def _check_new(self, offers: dict[str, list[Component]]) -> None:
        """Refuse a name that the same distribution offers by another entry point: nothing could tell them apart."""
        for kind, components in offers.items():
            taken = {(c.name, c.provider) for c in self._offers[kind]}
            for component in components:
                if (component.name, component.provider) in taken:
                    raise UnfitPlugin(
                        f"another of its entry points offers a {kind} {component.name!r} already"
                    )


def _attribute(module: ModuleType, name: str) -> Any:
    """Get a factory from its module; where there is none of the name, say which is near."""
    if not hasattr(module, name):
        own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
        raise AttributeError(f"{module.__name__} has no {name!r}{nearest(name, own)}")
    return getattr(module, name)


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
