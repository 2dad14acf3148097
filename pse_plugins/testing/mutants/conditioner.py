"""Wrong conditioners."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...contracts import Prepared, SpeakerCue
from ..references import ReferenceConditioner
from .mutant import Ward

_ward = Ward("conditioner")
MUTANTS = _ward.mutants


@_ward.caught_by("options-checked")
class SwallowsOptions(ReferenceConditioner):
    """Takes any option and ignores it."""

    def __init__(self, dim: int, cue_dim: int, **options: Any) -> None:
        super().__init__(dim, cue_dim)
        self.options = options


@_ward.caught_by("declarations")
class UnknownSite(ReferenceConditioner):
    """Prefers a site that no backbone has."""

    site = "output"  # type: ignore[assignment]


@_ward.caught_by("declarations")
class SwapsSizes(ReferenceConditioner):
    """Takes the width of the cue before the channels."""

    def __init__(self, cue_dim: int, dim: int) -> None:
        super().__init__(dim, cue_dim)


@_ward.caught_by("shape-and-dtype")
class Transposes(ReferenceConditioner):
    """Gives channels before frames."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition and transpose."""
        return super().forward(x, prepared).transpose(1, 2)


@_ward.caught_by("shape-and-dtype")
class ReadsAnotherView(ReferenceConditioner):
    """Declares one view of the cue and reads another."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read the encoder's vectors."""
        return cue.view("vector")[0]


@_ward.caught_by("shape-and-dtype")
class Promotes(ReferenceConditioner):
    """Computes in double precision and forgets to come back."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition in float64."""
        return super().forward(x.double(), prepared)


@_ward.caught_by("inputs-untouched")
class ClampsCueInPlace(ReferenceConditioner):
    """Writes to the cue."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read clamped tokens."""
        cue.tokens.clamp_(-0.5, 0.5)
        return super().read(cue)


@_ward.caught_by("inputs-untouched")
class ScalesInPlace(ReferenceConditioner):
    """Writes to the features."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Scale in place."""
        return x.mul_(prepared.tensors["scale"]) + prepared.tensors["shift"]


@_ward.caught_by("deterministic")
class DropoutLeftOn(ReferenceConditioner):
    """Drops features in evaluation mode too."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition what is left."""
        return super().forward(functional.dropout(x, 0.1), prepared)


@_ward.caught_by("batch-independent")
class CentresOverBatch(ReferenceConditioner):
    """Subtracts the batch's mean from the cue."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read relative to the others."""
        vector = super().read(cue)
        return vector - vector.mean(0, keepdim=True)


@_ward.caught_by("prepared-by-item")
class BatchSecond(ReferenceConditioner):
    """Prepares tensors whose first axis is not the batch."""

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Prepare ``[1, B, C]``."""
        return Prepared({k: v.transpose(0, 1) for k, v in super().prepare(cue).tensors.items()})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition."""
        return super().forward(x, Prepared({k: v.transpose(0, 1) for k, v in prepared.tensors.items()}))


@_ward.caught_by("losses-are-scalars")
class LossPerItem(ReferenceConditioner):
    """Gives an auxiliary loss for each item."""

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Prepare with a loss ``[B]``."""
        tensors = super().prepare(cue).tensors
        return Prepared(tensors, {"size": tensors["shift"].square().mean((1, 2))})


@_ward.caught_by("frame-wise")
class CentresOverTime(ReferenceConditioner):
    """Subtracts the utterance's mean from the features."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition centred features."""
        return super().forward(x - x.mean(1, keepdim=True), prepared)


@_ward.caught_by("frame-wise")
class PeeksAhead(ReferenceConditioner):
    """Uses the next frame instead of the present one."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition frames moved by one."""
        return super().forward(x.roll(-1, dims=1), prepared)


@_ward.caught_by("frame-wise")
class CountsFrames(ReferenceConditioner):
    """Adds a code of the position, which a stream counts from its own beginning."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition features that know where they are."""
        position = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
        return super().forward(x + 0.1 * position[:, None], prepared)


@_ward.caught_by("frame-wise")
class DividesByLength(ReferenceConditioner):
    """Scales by the number of frames that happen to come together."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition scaled features."""
        return super().forward(x / x.shape[1] ** 0.5, prepared)


@_ward.caught_by("long-signals")
class EndsAfterAThousandFrames(ReferenceConditioner):
    """Weighs frames by a table that a long recording is longer than."""

    def __init__(self, dim: int, cue_dim: int) -> None:
        super().__init__(dim, cue_dim)
        self.register_buffer("weights", torch.ones(1000, 1))

    weights: Tensor

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition weighted frames."""
        return super().forward(x * self.weights[: x.shape[1]], prepared)


@_ward.caught_by("cue-matters")
class IgnoresSpeaker(ReferenceConditioner):
    """Treats every speaker alike."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read nothing of the cue."""
        return torch.ones_like(super().read(cue))


@_ward.caught_by("padding-ignored")
class AveragesPadding(ReferenceConditioner):
    """Averages over all tokens, valid or not."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Average all."""
        return cue.tokens.flatten(1, 2).mean(1, keepdim=True)


@_ward.caught_by("padding-ignored")
class CountsPadding(ReferenceConditioner):
    """Sums the valid tokens but divides by the number of all."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Average the zeros in."""
        return cue.view("frames")[0].mean(1, keepdim=True)


@_ward.caught_by("finite-on-silence")
class DividesByNorm(ReferenceConditioner):
    """Divides the cue by its length, which may be zero."""

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read a unit vector."""
        vector = super().read(cue)
        return vector / vector.norm(dim=-1, keepdim=True)


@_ward.caught_by("finite-on-silence")
class RootOfZero(ReferenceConditioner):
    """Takes a square root whose gradient is infinite at silence."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Add the frame's level."""
        return super().forward(x, prepared) + x.square().mean(-1, keepdim=True).sqrt()


@_ward.caught_by("every-parameter-learns")
class UnusedLayer(ReferenceConditioner):
    """Holds a layer that is never called."""

    def __init__(self, dim: int, cue_dim: int) -> None:
        super().__init__(dim, cue_dim)
        self.gate = nn.Linear(cue_dim, dim)


@_ward.caught_by("every-parameter-learns")
class DetachedCue(ReferenceConditioner):
    """Cuts the gradient of what is prepared."""

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Prepare without a graph."""
        return super().prepare(cue).detach()


@_ward.caught_by("state-dict-round-trip")
class RandomAttribute(ReferenceConditioner):
    """Keeps random numbers as an attribute, so that they are not saved."""

    def __init__(self, dim: int, cue_dim: int) -> None:
        super().__init__(dim, cue_dim)
        self.register_buffer("mixing", torch.randn(cue_dim, cue_dim), persistent=False)

    mixing: Tensor

    def read(self, cue: SpeakerCue) -> Tensor:
        """Mix the cue's channels."""
        return super().read(cue) @ self.mixing


@_ward.caught_by("device-follows")
class MakesOnCpu(ReferenceConditioner):
    """Makes a tensor without saying on which device."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Add a tensor of zeros."""
        return super().forward(x, prepared) + torch.zeros(1)


@_ward.caught_by("double-precision")
class CastsToFloat(ReferenceConditioner):
    """Casts to float32 whatever comes."""

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition in single precision."""
        return super().forward(x, prepared).float()


@_ward.caught_by("no-state-on-self")
class CachesOnSelf(ReferenceConditioner):
    """Keeps the last cue on the module."""

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Prepare and remember."""
        self.last = super().prepare(cue)
        return self.last
