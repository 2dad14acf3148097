"""Wrong speaker encoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...contracts import SpeakerCue, SpeakerEncoder, State
from ..references import ReferenceEncoder, ReferenceFeatureEncoder
from .mutant import Ward

_ward = Ward("speaker_encoder")
MUTANTS = _ward.mutants


@_ward.caught_by("declarations")
class UndeclaredRate(ReferenceEncoder):
    """Does not say at which rate it listens."""

    sample_rate = 0


@_ward.caught_by("shape-and-dtype")
class MaskOfNumbers(ReferenceEncoder):
    """Gives the mask as zeros and ones, one row for all clips' channels."""

    def valid(self, lengths: Tensor, frames: int) -> Tensor:
        """Count in float."""
        return super().valid(lengths, frames).float()

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed each clip."""
        return super().pool(tokens, mask > 0)


@_ward.caught_by("batch-independent")
class WhitensOverBatch(ReferenceEncoder):
    """Subtracts the batch's mean from the vectors."""

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed relative to the others."""
        vectors = super().pool(tokens, mask)
        return vectors - vectors.mean(0, keepdim=True)


@_ward.caught_by("voice-matters")
class SameVoice(ReferenceEncoder):
    """Gives everybody the same vector."""

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Ignore the tokens."""
        return super().pool(0 * tokens, mask)


@_ward.caught_by("lengths-honoured")
class PoolsPadding(ReferenceEncoder):
    """Averages over all frames, valid or not."""

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Average all."""
        return self.project(tokens.mean(2))


@_ward.caught_by("long-signals")
class HearsAThousandTokens(ReferenceEncoder):
    """Adds a code of each token's position, of a table with a thousand entries."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.randn(1000, self.cue_dim))

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed what knows its place."""
        return super().pool(tokens + self.codes[: tokens.shape[2]], mask)


@_ward.caught_by("absent-clip-masked")
class AbsentIsPresent(ReferenceEncoder):
    """Marks at least one token of every clip as valid."""

    def valid(self, lengths: Tensor, frames: int) -> Tensor:
        """Clamp to one frame."""
        return super().valid(lengths.clamp(min=self.hop), frames)


@_ward.caught_by("finite-on-silence")
class UnitVectors(ReferenceEncoder):
    """Divides the mean token by its length, which is zero for an absent clip."""

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Normalise before projecting."""
        total = tokens.masked_fill(~mask.unsqueeze(-1), 0.0).sum(2)
        return self.project(total / total.norm(dim=-1, keepdim=True))


@_ward.caught_by("freezes")
class ThawsInTraining(ReferenceEncoder):
    """Follows the model into training mode though frozen."""

    def train(self, mode: bool = True) -> SpeakerEncoder:
        """Switch whatever is declared."""
        return torch.nn.Module.train(self, mode)


@_ward.caught_by("fingerprint-follows-weights")
class NamedFingerprint(ReferenceEncoder):
    """Takes its fingerprint from the class alone."""

    def fingerprint(self) -> str:
        """Give the class's name."""
        return type(self).__name__


@_ward.caught_by("inputs-untouched")
class NormalisesInPlace(ReferenceEncoder):
    """Writes to the recordings."""

    def forward(self, waveforms: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode louder recordings."""
        return super().forward(waveforms.mul_(2.0), lengths)


@_ward.caught_by("streaming-equals-whole")
class ForgetsBetweenSteps(ReferenceFeatureEncoder):
    """Starts each step from nothing."""

    def step(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear the next frames only."""
        return super().step(features, {"embedding": torch.zeros_like(state["embedding"])})
