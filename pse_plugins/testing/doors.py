"""The doors to the kit: a record of results, and a test for pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .. import host
from ..errors import ConfigError
from .kit import Check, Result, check_expected, checks, judge
from .returns import watch
from .rigs import CUE_DIM

Conditioner = str | Callable[..., Any] | None


def examine(
    kind: str,
    component: str | Callable[..., Any],
    *,
    conditioner: Conditioner = None,
    conditioner_options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    **options: Any,
) -> list[Result]:
    """Run every check of a kind over one component.

    Parameters
    ----------
    kind : str
        Its kind.
    component : str or callable
        Its name, as `pse_plugins.build` takes it, or the factory itself.
    conditioner : str, callable or None
        For a backbone: the conditioner to put inside; None takes a plain one of the kit's own.
    conditioner_options : mapping, optional
        For that conditioner.
    expected_failures : mapping, optional
        Check name -> why the component fails it. One that passes all the same needs attention too.
    **options
        For the factory; give tiny sizes, the checks run often.

    Returns
    -------
    list of Result
        One a check, in order.

    Raises
    ------
    ComponentError
        If a component cannot be found.
    ConfigError
        If an expected failure names no check.

    Examples
    --------
    >>> {result.outcome for result in examine("conditioner", "film")}
    {'passed'}
    """
    expected = dict(expected_failures or {})
    check_expected(kind, expected, [check.name for check in checks(kind)])
    factory = _factory(kind, component)
    options |= _inside(kind, conditioner, conditioner_options or {})
    return [
        judge(check.name, partial(check, factory, **options), expected.get(check.name))
        for check in checks(kind)
    ]


def conformance(
    kind: str,
    component: str | Callable[..., Any],
    *,
    conditioner: Conditioner = None,
    conditioner_options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable[[Check], None]:
    """Make a test for pytest, one case a check; arguments as `examine`.

    Returns
    -------
    callable
        To be bound to a name that starts with ``test_`` in a test module.
    """
    import pytest

    expected = dict(expected_failures or {})
    check_expected(kind, expected, [check.name for check in checks(kind)])

    @pytest.mark.parametrize("check", checks(kind), ids=lambda check: check.name)
    def test(check: Check) -> None:
        inside = _inside(kind, conditioner, conditioner_options or {})
        call = partial(check, _factory(kind, component), **options, **inside)
        result = judge(check.name, call, expected.get(check.name))
        if not result.ok:
            pytest.fail(
                f"{kind} {component!r}: {check.name}: {result.message} ({check.about})", pytrace=False
            )

    return test


def _factory(kind: str, component: str | Callable[..., Any]) -> Callable[..., Any]:
    return host.load(kind, component)[0] if isinstance(component, str) else component


def _inside(kind: str, conditioner: Conditioner, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the option that puts a conditioner inside a backbone."""
    if conditioner is None:
        return {}
    if kind != "backbone":
        raise ConfigError(
            f"only a backbone is examined with a conditioner inside, not a {kind}; leave it out"
        )
    factory = _factory("conditioner", conditioner)
    if getattr(factory, "site", None) == "features":
        raise ConfigError(
            "a conditioner of the features stands before a backbone, not inside; see integration"
        )
    return {"make_conditioner": lambda dim: watch(factory(dim=dim, cue_dim=CUE_DIM, **options))}
