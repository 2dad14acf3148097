"""A check, its verdict, and the list of checks of each kind."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..blame import describe, place_of
from ..errors import ConfigError, nearest
from .checks import CHECKS
from .rigs import RIGS, Rig
from .verdict import Violation

_LONGEST = 320


@dataclass(frozen=True)
class Check:
    """One thing that a component must do.

    Parameters
    ----------
    kind, name : str
        Kind of component, and the check's own kebab-case name.
    about : str
        What is demanded, in one line.
    function : callable
        Examines a `Rig`: raises `Violation`, or says in words why it does not apply, or returns None.
    """

    kind: str
    name: str
    about: str
    function: Callable[[Any], str | None]

    def __call__(self, factory: Callable[..., Any], **options: Any) -> str | None:
        """Examine what ``factory(**options)`` builds.

        Parameters
        ----------
        factory : callable
            The component's class or function.
        **options
            Options for it; sizes that every component of the kind takes (``dim``, ``cue_dim``, ``n_bins``,
            ``make_conditioner``) have tiny defaults. A ``make_conditioner`` builds for cues of width `CUE_DIM`.

        Returns
        -------
        str or None
            None if it passes, otherwise why the check does not apply to this component.

        Raises
        ------
        Violation
            If the component does not do what is demanded; any exception of the component counts.
        """

        def examine() -> str | None:
            rig: Rig = RIGS[self.kind](factory, options)
            return self.function(rig)

        return described(examine)


def describe_error(error: BaseException) -> str:
    """Say in one line what was raised, and where in the component's own code: the innermost place there."""
    said, place = describe(error)[:_LONGEST], place_of(error)
    if said.startswith(type(error).__name__):
        said = f"raised {said}"
    return said if place is None else f"{said} ({Path(place.file).name}:{place.line} in {place.name})"


@dataclass(frozen=True)
class Result:
    """What one check found.

    Parameters
    ----------
    check : str
        Its name.
    outcome : str
        ``"passed"``, ``"failed"``, ``"not applicable"``, ``"expected failure"`` or ``"unexpected pass"``.
    message : str
        What is wrong, or why it does not apply; empty for a pass.
    """

    check: str
    outcome: str
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing needs attention: an expected failure that passes does."""
        return self.outcome not in ("failed", "unexpected pass")


def judge(check: str, call: Callable[[], str | None], expected: str | None = None) -> Result:
    """Make a check, and say what it found.

    Parameters
    ----------
    check : str
        Its name.
    call : callable
        Makes it: raises `Violation`, says why it does not apply, or returns None.
    expected : str or None
        Why it is expected to fail; None if it is not.

    Returns
    -------
    Result
    """
    try:
        reason = call()
    except Violation as violation:
        return Result(check, "failed" if expected is None else "expected failure", str(violation))
    if expected is not None:
        remark = f"passes although a failure is expected ({expected}); expect it no more"
        return Result(check, "unexpected pass", remark)
    return Result(check, "passed" if reason is None else "not applicable", reason or "")


def described(function: Callable[[], str | None]) -> str | None:
    """Call what makes a check; any exception of the component counts as a `Violation`.

    Raises
    ------
    Violation
        With the exception and its place in the component's code. ``PSE_DEBUG=1`` prints the traceback too.
    """
    try:
        return function()
    except Violation:
        raise
    except (Exception, SystemExit) as error:
        if os.environ.get("PSE_DEBUG", "") not in ("", "0"):
            traceback.print_exc()
        raise Violation(describe_error(error)) from error


def check_expected(kind: str, expected: Mapping[str, str], known: Collection[str]) -> None:
    """Raise `ConfigError` if a failure is expected of a check that a kind does not have."""
    for name in expected:
        if name not in known:
            raise ConfigError(
                f"no check {name!r} of a {kind}{nearest(name, known)}; checks: {', '.join(known)}"
            )


def checks(kind: str) -> list[Check]:
    """List the checks of a kind of component, in the order they are best read.

    Parameters
    ----------
    kind : str
        ``"conditioner"``, ``"backbone"``, ``"speaker_encoder"``, ``"loss"``, ``"metric"`` or ``"recogniser"``.

    Returns
    -------
    list of Check
        Each can be called with a factory and its options.

    Raises
    ------
    ConfigError
        If the kit has no checks of such a kind.

    Examples
    --------
    >>> [check.name for check in checks("loss")][:2]
    ['loss-shape', 'deterministic']
    """
    if kind not in CHECKS:
        raise ConfigError(f"no checks for kind {kind!r}{nearest(kind, CHECKS)}; kinds: {', '.join(CHECKS)}")
    return [
        Check(kind, f.__name__.replace("_", "-"), (f.__doc__ or "").partition("\n")[0], f)
        for f in CHECKS[kind]
    ]
