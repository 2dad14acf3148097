"""Wrong losses."""

from __future__ import annotations

import torch
from torch import Tensor

from ..references import ReferenceLoss
from .mutant import Ward

_ward = Ward("loss")
MUTANTS = _ward.mutants


@_ward.caught_by("loss-shape")
class MeanOverBatch(ReferenceLoss):
    """Gives one value for the batch."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Average over the items."""
        return super().__call__(estimate, target, lengths).mean()


@_ward.caught_by("padding-costs-nothing")
class IgnoresLengths(ReferenceLoss):
    """Compares the padding as well."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare all samples."""
        return (estimate - target).abs().mean(1)


@_ward.caught_by("better-is-lower")
class WrongSign(ReferenceLoss):
    """Rewards the error."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Negate."""
        return -super().__call__(estimate, target, lengths)


@_ward.caught_by("finite-on-silent-signals")
class RatioToTarget(ReferenceLoss):
    """Divides by the target's size, which may be zero."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare relative to the target."""
        return super().__call__(estimate, target, lengths) / super().__call__(0 * target, target, lengths)


@_ward.caught_by("gradient-reaches-estimate")
class DetachedEstimate(ReferenceLoss):
    """Cuts the estimate's gradient."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare, keeping a graph that leads nowhere."""
        return super().__call__(estimate.detach() + 0 * estimate, target, lengths)


@_ward.caught_by("batch-independent")
class RelativeToBatch(ReferenceLoss):
    """Weighs each item by its share of the batch's error."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare relative to the hardest item."""
        loss = super().__call__(estimate, target, lengths)
        return loss / loss.amax().clamp(min=1e-6)


@_ward.caught_by("deterministic")
class RandomSamples(ReferenceLoss):
    """Compares at random samples."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare some samples."""
        some = torch.rand_like(target).round()
        return super().__call__(some * estimate, some * target, lengths)
