"""Build an enhancer from a configuration: one function, for YAML recipes and bundles alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from . import host
from .conditioned import ConditionedFeatures
from .contracts import SITES, VIEWS, Conditioner, SpeakerEncoder
from .enhancer import Enhancer
from .errors import ConfigError, nearest
from .frontend import Frontend
from .plugin_sources import OWN

DEFAULTS: dict[str, Any] = {
    "sample_rate": 16000,
    "frontend_options": {},
    "speaker_encoder": "d-vector",
    "speaker_encoder_options": {},
    "conditioner": "film",
    "conditioner_options": {},
    "backbone": "gru",
    "backbone_options": {},
}
"""What a configuration may say, and what it says where it is silent."""


PARTS = {"expert": ("backbone", "gru"), "encoder": ("speaker_encoder", "gru-siamese")}
"""Components inside a backbone that takes a ``make_<part>``: option -> kind, and the component by default.

In a recipe they are named in ``backbone_options``: ``{expert: gru, expert_options: {hidden: 64}, ...}``.
"""


def build_enhancer(config: Mapping[str, Any]) -> Enhancer:
    """Build an enhancer from a configuration; nothing is built before all names and options are known.

    Parameters
    ----------
    config : mapping
        Any of the keys of `DEFAULTS`: component names, and one options mapping each. ``conditioner: null``
        makes a network that needs no enrolment.

    Returns
    -------
    Enhancer
        Its ``config`` holds every key, so that it can be built again.

    Raises
    ------
    ConfigError
        If a key is unknown or an option out of range.
    ComponentError
        If a component or one of its options is unknown.
    """
    for key in config:
        if key not in DEFAULTS:
            raise ConfigError(
                f"enhancer: no key {key!r}{nearest(key, DEFAULTS)}; keys: {', '.join(DEFAULTS)}"
            )
    full = {key: _plain(config.get(key, default)) for key, default in DEFAULTS.items()}
    for key in [key for key in DEFAULTS if key.endswith("_options")]:
        full[key] = dict(full[key] or {})
    rate = full["sample_rate"]
    host.check_options(Frontend, {"sample_rate": rate, **full["frontend_options"]}, "frontend")
    frontend = Frontend(rate, **full["frontend_options"])
    backbone_factory, backbone = host.load("backbone", full["backbone"])
    backbone_options = {
        "n_bins": frontend.n_bins,
        "make_conditioner": None,
        **with_parts(backbone_factory, full["backbone_options"], frontend),
    }
    host.check_options(backbone_factory, backbone_options, host.label("backbone", backbone))
    build = partial(host.construct, "backbone", backbone, backbone_factory)
    if full["conditioner"] is None:
        return Enhancer(frontend, build(**backbone_options), None, full)
    own = backbone_options["make_encoder"] if getattr(backbone_factory, "cues_itself", False) else None
    make, site, encoder = _conditioning(full, frontend, own)
    if site == "features":
        inner = build(**backbone_options)
        return Enhancer(frontend, ConditionedFeatures(make(dim=frontend.n_bins), inner), encoder, full)
    return Enhancer(frontend, build(**{**backbone_options, "make_conditioner": make}), encoder, full)


def named_components(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Find every place of a full configuration that names a component, those inside of a backbone too.

    Yields
    ------
    tuple of (str, dict, str)
        The kind, and the mapping and key that hold the name.
    """
    for kind in ("speaker_encoder", "conditioner", "backbone"):
        if config.get(kind) is not None:
            yield kind, config, kind
    options = config.get("backbone_options") or {}
    if set(PARTS) & set(options):
        known = inspect.signature(host.load("backbone", config["backbone"])[0]).parameters
        for part, (kind, _) in PARTS.items():
            if part in options and f"make_{part}" in known:
                yield kind, options, part


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """Write out the options that components have by default, so that another default later changes nothing.

    Parameters
    ----------
    config : dict
        Of an enhancer, every key given.

    Returns
    -------
    dict
        A copy, in which plain defaults of each named component stand among its options.
    """
    full = deepcopy(config)
    for kind, place, key in list(named_components(full)):
        set_here = ("n_bins",) if place is full else ("n_bins", "input")  # by what they are built for
        options = place[f"{key}_options"] = place.get(f"{key}_options") or {}
        for name, value in plain_defaults(host.load(kind, place[key])[0]).items():
            if name not in set_here:
                options.setdefault(name, value)
    return full


def plain_defaults(factory: Callable[..., Any]) -> dict[str, Any]:
    """Give the defaults of a factory's options that are text, numbers or switches."""
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, str | int | float)}


def with_parts(factory: Callable[..., Any], options: Mapping[str, Any], frontend: Frontend) -> dict[str, Any]:
    """Put what builds an ensemble's parts in the place of their names, where a backbone asks for it."""
    known, given = inspect.signature(factory).parameters, dict(options)
    for part, (kind, default) in PARTS.items():
        if f"make_{part}" not in known:
            continue
        name, own = given.pop(part, default), dict(given.pop(f"{part}_options", None) or {})
        build, component = host.load(kind, name)
        own |= {"n_bins": frontend.n_bins} if "n_bins" in inspect.signature(build).parameters else {}
        if kind == "speaker_encoder" and "input" in inspect.signature(build).parameters:
            own.setdefault("input", "features")
        asked = {**own, "make_conditioner": None} if kind == "backbone" else own
        host.check_options(build, asked, host.label(part, component))
        given[f"make_{part}"] = _maker(kind, partial(host.construct, kind, component, build), own)
    return given


def _maker(kind: str, build: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    if kind == "backbone":
        return lambda make_conditioner: build(make_conditioner=make_conditioner, **options)
    return lambda: build(**options)


def _conditioning(
    config: dict[str, Any], frontend: Frontend, own: Callable[[], SpeakerEncoder] | None
) -> tuple[partial[Conditioner], str, SpeakerEncoder | None]:
    """Give what builds conditioners, their site, and the encoder of enrolment, which a backbone of its own has not.

    All options are checked before the encoder is built.
    """
    if config["speaker_encoder"] is None and own is None:
        raise ConfigError(
            f"conditioner {config['conditioner']!r} needs a speaker_encoder; name one, or conditioner: null"
        )
    factory, component = host.load("conditioner", config["conditioner"])
    options = config["conditioner_options"]
    host.check_options(factory, {"dim": 1, "cue_dim": 1, **options}, host.label("conditioner", component))
    view = options.get("view") or _default_view(factory)
    if view not in VIEWS:
        raise ConfigError(
            f"{component.name}: no cue view {view!r}{nearest(view, VIEWS)}; views: {', '.join(VIEWS)}"
        )
    site = _site(factory, component.name)
    encoder = _encoder(config, frontend) if own is None else own()
    build = partial(host.construct, "conditioner", component, factory)
    make = partial(build, cue_dim=encoder.view_dim(view), **options)
    return make, site, encoder if own is None else None


def _site(factory: Callable[..., Any], name: str) -> str:
    """Read where a conditioner prefers to stand, which must exist."""
    site = getattr(factory, "site", Conditioner.site)
    if site not in SITES:
        raise ConfigError(f"{name}: no site {site!r}{nearest(str(site), SITES)}; sites: {', '.join(SITES)}")
    return str(site)


def moved(config: Mapping[str, Any]) -> str:
    """Say where ``backbone_options`` put a plugin's conditioner, if it prefers to stand elsewhere, and how it would.

    What a recipe says of the site is meant for the conditioners that come with the toolkit.

    Parameters
    ----------
    config : mapping
        Of an enhancer, every key given.

    Returns
    -------
    str
        Empty where it stands as it prefers.
    """
    name, given = config["conditioner"], config["backbone_options"].get("condition_site")
    if name is None or given is None:
        return ""
    factory, component = host.load("conditioner", name)
    site = _site(factory, name)
    if site == given or component.distribution == OWN:
        return ""
    return (
        f"{name} stands at {given!r} by backbone_options, not at {site!r} as it prefers; "
        'it would with --backbone_options "{condition_site: null}"'
    )


def _encoder(config: dict[str, Any], frontend: Frontend) -> SpeakerEncoder:
    """Build the encoder of enrolment."""
    factory, _ = host.load("speaker_encoder", config["speaker_encoder"])
    options = _encoder_options(factory, config["speaker_encoder_options"], frontend)
    encoder: SpeakerEncoder = host.build("speaker_encoder", config["speaker_encoder"], **options)
    return encoder


def _encoder_options(
    factory: Callable[..., Any], options: Mapping[str, Any], frontend: Frontend
) -> dict[str, Any]:
    """Tell an encoder that reads features how many bins they have, if it asks."""
    known = inspect.signature(factory).parameters
    default = known["input"].default if "input" in known else getattr(factory, "input", "waveform")
    reads = options.get("input", default)
    given = {"n_bins": frontend.n_bins} if reads == "features" and "n_bins" in known else {}
    return {**given, **options}


def _default_view(factory: Callable[..., Any]) -> str:
    """Tell which view of the cue a conditioner reads unless told otherwise."""
    parameter = inspect.signature(factory).parameters.get("view")
    if parameter is not None and isinstance(parameter.default, str):
        return parameter.default
    return getattr(factory, "view", Conditioner.view)


def _plain(value: Any) -> Any:
    """Copy YAML's mappings and lists to plain ones that JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
