"""A plugin with one conditioner; this file only lists it."""

from __future__ import annotations

from collections.abc import Iterable

from pse_plugins import Component, hookimpl


@hookimpl
def pse_conditioners() -> Iterable[Component]:
    """Offer the conditioner."""
    yield Component("gain", "pse_gain.gain:Gain", "scale all channels by one number of the cue")
