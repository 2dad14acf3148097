"""Wrong components, each one step away from a right one: a kit that nobody has seen fail proves nothing."""

from . import backbone, conditioner, encoder, loss, metric, recogniser
from .mutant import Mutant

MUTANTS: list[Mutant] = [
    *conditioner.MUTANTS,
    *backbone.MUTANTS,
    *encoder.MUTANTS,
    *loss.MUTANTS,
    *metric.MUTANTS,
    *recogniser.MUTANTS,
]
"""Every mutant, with the check that is meant to catch it."""

__all__ = ["MUTANTS", "Mutant"]
