"""The Brain that trains speaker encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import speechbrain as sb
from torch import Tensor, nn

from ..steady import SteadyBrain
from .objectives import verification_scores
from .utterances import VoiceBatch, collate_voices

_CHANCE = {"auc": 0.5, "eer": 0.5}


class Verifier(nn.Module):
    """What is trained: an embedding, and the objective with what it learns itself.

    Parameters
    ----------
    embed : Module
        Of signals ``[B, S]`` and lengths ``[B]`` in samples, makes vectors ``[B, E]``.
    objective : Module
        Of vectors and the batch, makes a loss.
    """

    def __init__(self, embed: nn.Module, objective: nn.Module) -> None:
        super().__init__()
        self.embed, self.objective = embed, objective

    def forward(self, batch: VoiceBatch) -> tuple[Tensor, Tensor]:
        """Give the vectors ``[B, E]`` of a batch, and the loss."""
        vectors = self.embed(batch.mixture, batch.lengths)
        return vectors, self.objective(vectors.float(), batch)


class VerificationBrain(SteadyBrain):
    """Trains a `Verifier`; the best checkpoint is that with the largest area under the curve in validation.

    Parameters
    ----------
    verifier : Verifier
    **brain
        What `SteadyBrain` takes.
    """

    judged_by = "auc"
    collate = staticmethod(collate_voices)

    def __init__(self, verifier: Verifier, **brain: Any) -> None:
        super().__init__(modules={"verifier": verifier}, **brain)

    def compute_forward(self, batch: VoiceBatch, stage: sb.Stage) -> tuple[Tensor, Tensor]:
        """Embed a batch; outside training without DDP's wrapper, as ranks may have unequal shares."""
        module = self.modules["verifier"]
        return (module if stage == sb.Stage.TRAIN else getattr(module, "module", module))(
            batch.to(self.device)
        )

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        """Forget the vectors of the stage before."""
        super().on_stage_start(stage, epoch)
        self._heard: list[tuple[np.ndarray, list[str]]] = []

    def compute_objectives(
        self, predictions: tuple[Tensor, Tensor], batch: VoiceBatch, stage: sb.Stage
    ) -> Tensor:
        """Give the loss; outside training, keep the vectors."""
        vectors, loss = predictions
        if stage != sb.Stage.TRAIN:
            self._heard.append((vectors.detach().float().cpu().numpy(), batch.voices))
        return loss

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Score the comparison of all validation utterances that this rank heard."""
        if stage != sb.Stage.TRAIN:
            vectors = np.concatenate([v for v, _ in self._heard])
            voices = [voice for _, part in self._heard for voice in part]
            for name, value in (verification_scores(vectors, voices) or _CHANCE).items():
                self.add_score(name, value)
        super().on_stage_end(stage, stage_loss, epoch)
