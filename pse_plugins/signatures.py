"""Options of a factory, checked against its signature before it is called."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from typing import Any

from .errors import ComponentError, nearest


def check_options(factory: Callable[..., Any], options: dict[str, Any], what: str) -> None:
    """Check keyword options against a factory's signature.

    Raises
    ------
    ComponentError
        With the nearest match and the options that there are, if an option is unknown, missing or of another type.
    """
    try:
        signature = inspect.signature(factory)
    except ValueError:  # a C function that does not tell
        return
    accepted = _accepted(signature)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for option, value in options.items():
        if option not in signature.parameters and not takes_any:
            raise ComponentError(
                f"{what}: no option {option!r}{nearest(option, signature.parameters)}; {accepted}"
            )
        annotation = signature.parameters[option].annotation if option in signature.parameters else ""
        if not _fits(value, annotation):
            raise ComponentError(
                f"{what}: {option} must be {type_name(annotation)}, got {value!r}; {accepted}"
            )
    try:
        signature.bind(**options)
    except TypeError as error:
        raise ComponentError(f"{what}: {error}; {accepted}") from error


def _accepted(signature: inspect.Signature) -> str:
    """List the options of a signature: what has a default, as the rest is given by who builds the component."""
    options = [p for p in signature.parameters.values() if p.default is not p.empty]
    types = ["" if p.annotation is p.empty else f": {type_name(p.annotation)}" for p in options]
    told = [f"{p.name}{type} = {p.default!r}" for p, type in zip(options, types, strict=True)]
    return f"options: {', '.join(told)}" if told else "it has no options"


def _fits(value: Any, annotation: Any) -> bool:
    """Tell whether a value is of one of the plain types of an annotation; others are not judged."""
    names = [name.strip() for name in type_name(annotation).split("|")]
    if not all(name in _PLAIN for name in names):
        return True
    return any(isinstance(value, _PLAIN[n]) and (n == "bool" or not isinstance(value, bool)) for n in names)


_PLAIN: dict[str, type] = {
    "int": numbers.Integral,
    "float": numbers.Real,
    "bool": bool,
    "str": str,
    "None": type(None),
}


def type_name(annotation: Any) -> str:
    """Write an annotation as its author did."""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
