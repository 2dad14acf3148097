"""The conformance kit: what every component must do, as small checks with three doors.

In a plugin's tests::

    from pse_plugins.testing import conformance

    test_film = conformance("conditioner", "film")

As plain functions: ``for check in checks("conditioner"): check(Film)``. As a record of results:
``examine("conditioner", Film)``; what it costs: ``facts("conditioner", Film)``. On the command line:
``pse check film``.
"""

from .doors import conformance, examine
from .facts import facts
from .integration import integrate, integration, small_enhancer
from .kit import Check, Result, Violation, checks
from .rigs import CUE_DIM

__all__ = [
    "CUE_DIM",
    "Check",
    "Result",
    "Violation",
    "checks",
    "conformance",
    "examine",
    "facts",
    "integrate",
    "integration",
    "small_enhancer",
]
