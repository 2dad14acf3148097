"""Wrong metrics."""

from __future__ import annotations

import numpy as np

from ..references import ReferenceMetric
from .mutant import Ward

_ward = Ward("metric")
MUTANTS = _ward.mutants


@_ward.caught_by("declarations")
class NoUnit(ReferenceMetric):
    """Declares no unit."""

    unit = None  # type: ignore[assignment]


@_ward.caught_by("gives-a-number")
class GivesArray(ReferenceMetric):
    """Gives a NumPy scalar, which JSON cannot hold."""

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score."""
        return np.float32(super().__call__(estimate, target, mixture, rate))  # type: ignore[return-value]


@_ward.caught_by("direction-as-declared")
class WrongDirection(ReferenceMetric):
    """Declares that less is better."""

    higher_is_better = False


@_ward.caught_by("arrays-untouched")
class CentresInPlace(ReferenceMetric):
    """Writes to the estimate."""

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score the centred estimate."""
        estimate -= estimate.mean() + 1e-3
        return super().__call__(estimate, target, mixture, rate)


@_ward.caught_by("repeatable")
class Dithers(ReferenceMetric):
    """Adds fresh noise before scoring."""

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score with dither."""
        noise = 1e-3 * np.random.default_rng().standard_normal(estimate.size)
        return super().__call__(estimate + noise, target, mixture, rate)


@_ward.caught_by("silence-is-not-scored")
class ScoresSilence(ReferenceMetric):
    """Makes a number up where the target is silent."""

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score, or give 0."""
        score = super().__call__(estimate, target, mixture, rate)
        return 0.0 if np.isnan(score) else score
