"""Find plugins, survive broken ones, and build components by name."""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pluggy

from . import plugin_loading, plugin_remedies, plugin_sources
from .api import KINDS, Component, HookSpecs
from .errors import ComponentError, ConfigError, PseError, nearest
from .plugin_loading import output_to_stderr
from .plugin_sources import OR_LOCAL, Caution, Failure, LeftOut, Remark, Source, UnfitPlugin, normalise
from .signatures import check_options

ROOMS = tuple(
    f"pse_plugins.{room}"
    for room in ("speaker_encoders", "conditioners", "backbones", "losses", "metrics", "recognisers")
)
"""The built-in plugin modules: named, never imported by name."""

_MAY_BE_NULL = ("speaker_encoder", "conditioner")

_MAY_BE_A_PLUGINS = "; if a plugin offers it, install that: pip install NAME" + OR_LOCAL

_PLAIN_ERRORS = (PseError, *PseError.__subclasses__())

_log = logging.getLogger(__name__)


class Host:
    """All components on offer: the built-ins' and those of installed plugins.

    What is wrong with plugins is told once: in the error when a component is asked for that nobody offers, or as a
    warning when one is found.

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
        self._untold: list[Remark] = []
        self._manager = pluggy.PluginManager("pse")
        self._manager.add_hookspecs(HookSpecs)
        self._offers: dict[str, list[Component]] = {kind: [] for kind in KINDS}
        self._sources: dict[tuple[str, str], Source] = {}
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
        return sorted(self._offers[as_kind(kind)], key=lambda c: (c.name, c.provider))

    def find(self, kind: str, name: str) -> Component:
        """Look a component up by ``"name"`` or ``"distribution/name"``.

        Raises
        ------
        ComponentError
            If nobody offers it, or if two plugins do and the short name does not say which.
        """
        kind, offers = as_kind(kind), self.components(kind)
        given, _, short = str(name).rpartition("/")
        found = [c for c in offers if c.name == short and normalise(given) in ("", normalise(c.distribution))]
        if len(found) == 1:
            self._warn()
            return found[0]
        if found:
            full = "; ".join(f"{c.distribution}/{c.name} ({c.provider})" for c in found)
            raise ComponentError(f"{kind} {name!r} is offered by {len(found)} plugins; name one of: {full}")
        why = self._elsewhere(kind, given, short) or self.why_not(name, {c.name for c in offers})
        raise ComponentError(f"no {kind} {name!r}{why}; available: {', '.join(_told_apart(offers))}")

    def _elsewhere(self, kind: str, given: str, short: str) -> str:
        """Say which other kind a name is of, or how none is written; empty if neither is asked for."""
        if kind in _MAY_BE_NULL and short.lower() == "none":
            return "; null says none"
        of = [
            f"{c.provider} offers it as a {other}, by {KINDS[other]}"
            for other in KINDS
            for c in self._offers[other]
            if c.name == short and normalise(given) in ("", normalise(c.distribution))
        ]
        return "".join(f"; {each}" for each in of)

    def why_not(self, name: str, known: Iterable[str]) -> str:
        """Say why nobody may offer a name, to go behind it: plugins that are not loaded, or else a misspelling.

        Parameters
        ----------
        name : str
            What was asked for, ``"distribution/name"`` too.
        known : iterable of str
            The names on offer.

        Returns
        -------
        str
            Such as ``"; did you mean 'film'?"``.
        """
        given, _, short = str(name).rpartition("/")
        if given and plugin_sources.installed_version(given) is None:
            return f"; {given} is not installed: {plugin_sources.pip_install(given)}{OR_LOCAL}"
        away = [r for r in self._away() if normalise(given) in ("", normalise(r.provider))]
        self._untold = [remark for remark in self._untold if remark not in away]
        self._warn()
        causes = [str(remark) for remark in away if isinstance(remark, Failure)]
        left_out = ", ".join(remark.provider for remark in away if isinstance(remark, LeftOut))
        if left_out:
            causes.append(f"left out by PSE_PLUGINS or PSE_BLOCK: {left_out}")
        return "".join(f"; {cause}" for cause in causes) or nearest(short, known) or _MAY_BE_A_PLUGINS

    def why_absent(self, distribution: str) -> Remark | None:
        """Say why an installed plugin's components are not on offer; None if nothing keeps them away."""
        return next((r for r in self._away() if normalise(r.provider) == normalise(distribution)), None)

    def _away(self) -> list[Remark]:
        """List what keeps installed plugins from being on offer."""
        return [*self.failures, *(remark for remark in self.remarks if isinstance(remark, LeftOut))]

    def load(self, component: Component) -> Callable[..., Any]:
        """Import a component's factory.

        Raises
        ------
        ComponentError
            If its module or attribute cannot be imported.
        """
        if callable(component.factory):
            return component.factory
        source = self._sources.get((component.provider, component.name))
        try:
            with output_to_stderr():
                return plugin_loading.import_factory(component.factory, source)
        except (PseError, KeyboardInterrupt):
            raise
        except BaseException as error:
            fix = plugin_remedies.remedy(source, error) if source else "reinstall or remove that package"
            raise ComponentError(
                f"{component.name!r} of {component.provider} cannot be imported: "
                f"{plugin_sources.reason_of(error)} (fix: {fix})"
            ) from error

    def _remark(self, remarks: Iterable[Remark]) -> None:
        self.remarks += remarks
        self._untold += [remark for remark in remarks if isinstance(remark, Caution)]

    def _warn(self) -> None:
        """Warn of what nobody has been told yet."""
        for remark in self._untold:
            _log.warning("pse: %s", remark)
        self._untold = []

    def _add(self, source: Source) -> None:
        """Load one plugin whole, or record why not."""
        began, had_torch = time.perf_counter(), "torch" in sys.modules
        try:
            offers = plugin_loading.collect(self._manager, source)
            self._check_new(offers)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: no plugin ends the tool
            failure = plugin_remedies.failure(source, error)
            if self.strict:
                raise ComponentError(str(failure)) from error
            self.failures.append(failure)
            self._untold.append(failure)
            return
        imported_torch = not had_torch and "torch" in sys.modules
        seconds = time.perf_counter() - began
        self._remark(plugin_loading.remarks(source, offers, seconds, imported_torch))
        for kind, components in offers.items():
            self._remark(_doubles(kind, components, self._offers[kind]))
            self._offers[kind].extend(components)
            self._sources.update(((c.provider, c.name), source) for c in components)

    def _check_new(self, offers: dict[str, list[Component]]) -> None:
        """Refuse a name that the same distribution offers by another entry point: nothing could tell them apart."""
        for kind, components in offers.items():
            taken = {(c.name, c.provider) for c in self._offers[kind]}
            for component in components:
                if (component.name, component.provider) in taken:
                    raise UnfitPlugin(
                        f"another of its entry points offers a {kind} {component.name!r} already"
                    )


def _doubles(kind: str, new: Iterable[Component], others: Iterable[Component]) -> Iterator[Remark]:
    """Remark on short names that no longer say which component is meant."""
    for component in new:
        for other in (each for each in others if each.name == component.name):
            names = " or ".join(f"{each.distribution}/{each.name}" for each in (component, other))
            reason = f"offers a {kind} {component.name!r}, as {other.provider} does"
            remedy = f"write {names}: the short name is an error"
            yield Remark(component.distribution, component.provider.partition(" ")[2], reason, remedy)


def _told_apart(offers: Sequence[Component]) -> list[str]:
    """Name components, those that share a name with their distributions."""
    names = [c.name for c in offers]
    return [c.name if names.count(c.name) == 1 else f"{c.distribution}/{c.name}" for c in offers]


def as_kind(written: str) -> str:
    """Read a kind as people may write it.

    Raises
    ------
    ComponentError
        If there is no such kind.

    Examples
    --------
    >>> as_kind("speaker-encoder")
    'speaker_encoder'
    """
    kind = str(written).replace("-", "_")
    if kind not in KINDS:
        raise ComponentError(f"no kind {written!r}{nearest(kind, KINDS)}; kinds: {', '.join(KINDS)}")
    return kind


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
    ConfigError
        If the component refuses an option's value.

    Examples
    --------
    >>> type(build("conditioner", "film", dim=8, cue_dim=4)).__name__
    'Film'
    """
    factory, component = load(kind, name)
    check_options(factory, options, label(kind, component))
    return construct(kind, component, factory, **options)


def construct(
    kind: str, component: Component, factory: Callable[..., Any], /, *sizes: Any, **options: Any
) -> Any:
    """Call a component's factory; what it refuses is said with the component's name.

    Raises
    ------
    PseError
        Of the type that the factory raises; a ConfigError where it raises a ValueError, or SystemExit.
    """
    try:
        return factory(*sizes, **options)
    except (PseError, ValueError, SystemExit) as error:
        said = f"it would end the program ({error!r})" if isinstance(error, SystemExit) else str(error)
        if getattr(error, "says_who", False) or said.startswith(f"{component.name}:"):
            raise  # a component inside this one was named already, or this one names itself
        kept = type(error) if type(error) in _PLAIN_ERRORS else ConfigError
        named: Any = kept(f"{label(kind, component)}: {said}")
        named.says_who = True
        raise named from error


def label(kind: str, component: Component) -> str:
    """Name a component for a message.

    Examples
    --------
    >>> label("conditioner", Component("mine", "pse_mine:Mine", provider="pse-mine 0.1"))
    "conditioner 'mine' (pse-mine 0.1)"
    """
    return f"{kind} {component.name!r} ({component.provider})"


def load(kind: str, name: str) -> tuple[Callable[..., Any], Component]:
    """Find and import a component's factory; errors as `build`."""
    component = get_host().find(kind, name)
    return get_host().load(component), component
