"""A convolutional backbone, as a plugin; this file only lists it."""

from __future__ import annotations

from collections.abc import Iterable

from pse_plugins import Component, hookimpl


@hookimpl
def pse_backbones() -> Iterable[Component]:
    """Offer the backbone."""
    yield Component("tcn", "pse_tcn.tcn:Tcn", "dilated depthwise convolutions, two frames of look-ahead")
