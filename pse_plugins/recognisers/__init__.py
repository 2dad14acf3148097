"""Speech recognisers for word error rates; none is built in yet, plugins may offer theirs."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl


@hookimpl
def pse_recognisers() -> Iterable[Component]:
    """Offer the built-in recognisers: none."""
    return ()
