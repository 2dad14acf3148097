"""A wrong component and the check that is meant to catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Built = TypeVar("Built", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Parameters
    ----------
    kind : str
        Kind of component.
    factory : callable
        Builds the wrong component; its docstring says what is wrong.
    caught_by : str
        Name of the check that is meant for this mistake.
    options : dict
        To build it with.
    """

    kind: str
    factory: Callable[..., Any]
    caught_by: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The mistake's name."""
        return self.factory.__name__


class Ward:
    """Collects the mutants of one kind.

    Parameters
    ----------
    kind : str
        Kind of component.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.mutants: list[Mutant] = []

    def caught_by(self, check: str, **options: Any) -> Callable[[Built], Built]:
        """Register the decorated factory, to be caught by a check."""

        def register(factory: Built) -> Built:
            self.mutants.append(Mutant(self.kind, factory, check, options))
            return factory

        return register
