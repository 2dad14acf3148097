"""What a component returns, watched at each call: a wrong value is said where it comes out, not where it does harm."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..contracts import Backbone, Conditioner, Prepared, SpeakerCue, SpeakerEncoder, StateSpec
from .verdict import Violation, demand

Refuse = Callable[[str, Any], None]
"""Raises a `Violation` if a method, given by name, must not return a value."""


def watch(component: Any) -> Any:
    """Let the methods of a conditioner, backbone or speaker encoder return nothing but what their contract says.

    Parameters
    ----------
    component : object
        Anything; what is of no such kind stays as it is.

    Returns
    -------
    object
        The component itself.
    """
    for kind, methods in _METHODS.items():
        for name, refuse in methods.items():
            if isinstance(component, kind) and hasattr(component, name):
                vars(component)[name] = _watched(name, getattr(component, name), refuse)
    return component


def tensor_of(value: Any, shape: str, who: str) -> Tensor:
    """Give a value back that is a tensor.

    Parameters
    ----------
    value : object
        What was returned.
    shape : str
        What it should be, ``"[B]"``.
    who : str
        What returned it.

    Raises
    ------
    Violation
        If it is none.
    """
    missing = "; is its return missing?" if value is None else ""
    demand(isinstance(value, Tensor), f"{who} returned {_said(value)}, not a tensor {shape}{missing}")
    return value


def _watched(name: str, method: Callable[..., Any], refuse: Refuse) -> Callable[..., Any]:
    @functools.wraps(method)
    def watched(*args: Any, **options: Any) -> Any:
        value = method(*args, **options)
        refuse(name, value)
        return value

    return watched


def _tensor(shape: str) -> Refuse:
    def refuse(name: str, value: Any) -> None:
        tensor_of(value, shape, name)

    return refuse


def _prepared(name: str, value: Any) -> None:
    demand(isinstance(value, Prepared), f"{name} must return Prepared(...), got {_said(value)}")
    for field in ("tensors", "losses"):
        _named(f"{name}: Prepared's {field}", getattr(value, field))


def _cue(name: str, value: Any) -> None:
    wanted = "SpeakerCue(tokens, mask, vectors)"
    demand(isinstance(value, SpeakerCue), f"{name} must return {wanted}, got {_said(value)}")


def _stepped(what: str) -> Refuse:
    def refuse(name: str, value: Any) -> None:
        pair = isinstance(value, tuple) and len(value) == 2
        demand(pair, f"{name} must return ({what}, state), got {_said(value)}")
        first = isinstance(value[0], Tensor)
        demand(first, f"{name} must return ({what}, state), got {_said(value[0])} first")
        _named(f"{name}: the state", value[1])

    return refuse


def _specs(name: str, value: Any) -> None:
    listed = isinstance(value, (list, tuple)) and all(isinstance(spec, StateSpec) for spec in value)
    demand(listed, f"{name} must return a list of StateSpec(name, shape), got {_said(value)}")


def _named(what: str, value: Any) -> None:
    """Demand a mapping of names to tensors."""
    demand(isinstance(value, dict), f"{what} must be a dict, name -> tensor, got {_said(value)}")
    for key, entry in value.items():
        if not isinstance(entry, Tensor):
            raise Violation(f"{what} must be a dict, name -> tensor, and {key!r} is of type {_said(entry)}")


def _said(value: Any) -> str:
    """Name a value's type in an error."""
    many = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return "None" if value is None else f"{type(value).__name__}{many}"


_METHODS: dict[type, dict[str, Refuse]] = {
    Conditioner: {"prepare": _prepared, "forward": _tensor("[B, T, C]")},
    Backbone: {
        "prepare": _prepared,
        "listen": _prepared,
        "forward": _tensor("[B, T, F]"),
        "state_spec": _specs,
        "step": _stepped("mask [B, t, F]"),
    },
    SpeakerEncoder: {"forward": _cue, "state_spec": _specs, "step": _stepped("vector [B, E]")},
}
"""Kind -> method -> what refuses a wrong value of it."""
