"""How a check says no, and the comparisons it makes."""

from __future__ import annotations

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
"""Name -> tensor: what goes into a component, or comes out."""


class Violation(AssertionError):
    """A component does not do what its contract says; the text is one line."""


def demand(holds: bool | Tensor, otherwise: str) -> None:
    """Raise a `Violation` with a text unless something holds."""
    if not bool(holds):
        raise Violation(otherwise)


def demand_same(got: Tensors, want: Tensors, when: str, tolerance: float = 1e-5) -> None:
    """Demand that two sets of tensors agree.

    Parameters
    ----------
    got, want : dict
        Name -> tensor.
    when : str
        Completes "`name` changes ...".
    tolerance : float
        Largest difference, relative to the largest value wanted (at least 1).

    Raises
    ------
    Violation
        With the name, the largest difference and the circumstances.
    """
    for name, wanted in want.items():
        demand(
            got[name].shape == wanted.shape,
            f"{name} has shape {_shape(got[name])}, not {_shape(wanted)}, {when}",
        )
        gap = distance(got[name], wanted)
        allowed = tolerance * max(1.0, float(wanted.detach().double().abs().max()) if wanted.numel() else 1.0)
        demand(gap <= allowed, f"{name} changes by {gap:.3g} {when}")


def distance(a: Tensor, b: Tensor) -> float:
    """Give the largest absolute difference; infinite where one is not a number and the other is."""
    gap = (a.detach().double() - b.detach().double()).abs()
    both = a.detach().isnan() & b.detach().isnan()
    return float(torch.nan_to_num(gap.masked_fill(both, 0.0), nan=float("inf")).max()) if gap.numel() else 0.0


def demand_finite(values: Tensors, when: str) -> None:
    """Demand that no tensor holds NaN or infinite values."""
    for name, value in values.items():
        demand(torch.isfinite(value.detach()).all(), f"{name} is not finite {when}")


def _shape(value: Tensor) -> list[int]:
    return list(value.shape)
