"""Conditional layer normalisation, as a plugin; this file only lists it."""

from __future__ import annotations

from collections.abc import Iterable

from pse_plugins import Component, hookimpl


@hookimpl
def pse_conditioners() -> Iterable[Component]:
    """Offer the conditioner."""
    yield Component(
        "cln", "pse_cln.cln:ConditionalLayerNorm", "layer norm whose scale and shift come from the cue"
    )
