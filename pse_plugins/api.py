"""What a plugin author imports: the record to yield, the marker, and the hooks to implement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

API_VERSION = (1, 0)
"""Version of the hooks and contracts: another major number is refused, a newer minor one warned about."""

hookspec = pluggy.HookspecMarker("pse")
hookimpl = pluggy.HookimplMarker("pse")

KINDS: dict[str, str] = {
    "speaker_encoder": "pse_speaker_encoders",
    "conditioner": "pse_conditioners",
    "backbone": "pse_backbones",
    "loss": "pse_losses",
    "metric": "pse_metrics",
    "recogniser": "pse_recognisers",
}
"""Kind of component -> the hook that offers it."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FACTORY = re.compile(r"[^:]+:[^:]+")


@dataclass(frozen=True)
class Component:
    """One interchangeable part, offered by name.

    Parameters
    ----------
    name : str
        Kebab-case name, as written in YAML: ``"cross-attention"``.
    factory : str or callable
        ``"package.module:Class"`` (preferred: listing then imports nothing) or the callable itself.
    summary : str
        One line of at most 72 characters.
    api : tuple of int
        The `API_VERSION` that the component was written for.
    provider : str
        Who offers it, ``"pse-moe 0.1"``; set by the host.

    Raises
    ------
    ValueError
        If the name is not kebab-case, the factory is neither callable nor ``"module:attribute"``, the summary is
        no text, or the api no pair of whole numbers.
    """

    name: str
    factory: str | Callable[..., Any]
    summary: str = ""
    api: tuple[int, int] = API_VERSION
    provider: str = ""

    @property
    def distribution(self) -> str:
        """The provider without its version, ``"pse-moe"``."""
        return self.provider.partition(" ")[0]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(f"component name {self.name!r} is not kebab-case, such as 'cross-attention'")
        if not (
            _FACTORY.fullmatch(self.factory) if isinstance(self.factory, str) else callable(self.factory)
        ):
            raise ValueError(
                f"component {self.name!r}: factory {self.factory!r} is not 'package.module:Class'"
            )
        if not isinstance(self.summary, str):
            raise ValueError(f"component {self.name!r}: summary {self.summary!r} is not text")
        if not (isinstance(self.api, tuple) and [type(number) for number in self.api] == [int, int]):
            raise ValueError(f"component {self.name!r}: api {self.api!r} is not a pair such as {API_VERSION}")


class HookSpecs:
    """The hooks of pse-plugins. Each takes no argument and yields `Component` records."""

    @hookspec
    def pse_speaker_encoders(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer encoders: waveforms ``[B, Q, S]`` or features ``[B, T, F]`` -> SpeakerCue."""

    @hookspec
    def pse_conditioners(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer conditioners, built as ``(dim, cue_dim)``: features ``[B, T, C]`` and a cue -> ``[B, T, C]``."""

    @hookspec
    def pse_backbones(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer backbones, built as ``(n_bins, make_conditioner)``: features ``[B, T, F]`` and a cue -> mask."""

    @hookspec
    def pse_losses(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer losses: estimate and target ``[B, S]``, lengths ``[B]`` in samples -> loss ``[B]``."""

    @hookspec
    def pse_metrics(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer metrics: estimate, target and mixture ``[S]`` at a rate in Hz -> one number an item."""

    @hookspec
    def pse_recognisers(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Offer speech recognisers: waveform ``[S]`` at a rate in Hz -> words, for word error rates."""
