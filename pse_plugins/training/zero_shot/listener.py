"""The part of the ensemble that listens: frontend, embedding ``f`` and gate ``g``, and the Brain that trains ``g``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import speechbrain as sb
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...contracts import SpeakerEncoder
from ...data import MixtureBatch, collate
from ...frontend import Frontend
from ..steady import SteadyBrain


class Listener(nn.Module):
    """Hears noisy speech: an embedding of the voice, and the logits of the specialists.

    Parameters
    ----------
    frontend : Frontend
        The ensemble's.
    encoder : SpeakerEncoder
        Of features.
    experts : int or None
        Classes of the gate; None for no gate yet.
    """

    def __init__(self, frontend: Frontend, encoder: SpeakerEncoder, experts: int | None = None) -> None:
        super().__init__()
        self.frontend, self.encoder = frontend, encoder
        self.gate = None if experts is None else nn.Linear(encoder.vector_dim, experts)

    def embed(self, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Embed signals ``[B, S]`` of so many samples ``[B]``; ``z [B, E]``."""
        features = self.frontend.features(self.frontend.analyse(mixture))
        frames = (lengths // self.frontend.hop).clamp(min=1)
        return self.encoder(features, frames).vectors[:, 0]

    def forward(self, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Give the gate's logits ``[B, K]``, or, without a gate, embeddings."""
        z = self.embed(mixture, lengths)
        return z if self.gate is None else self.gate(z)


class GateBrain(SteadyBrain):
    """Trains ``g`` to tell which specialist's speakers a noisy utterance sounds like.

    Parameters
    ----------
    listener : Listener
    labels : mapping
        Voice -> specialist.
    train_encoder : bool
        Whether ``f`` learns too.
    **brain
        What `SteadyBrain` takes.
    """

    judged_by = "accuracy"
    collate = staticmethod(collate)

    def __init__(
        self, listener: Listener, labels: Mapping[str, int], train_encoder: bool = False, **brain: Any
    ) -> None:
        listener.encoder.requires_grad_(train_encoder)
        super().__init__(modules={"listener": listener}, **brain)
        self.labels = labels

    def compute_forward(self, batch: MixtureBatch, stage: sb.Stage) -> Tensor:
        """Hear a batch."""
        batch = batch.to(self.device)
        return self.modules["listener"](batch.mixture, batch.lengths)

    def compute_objectives(self, predictions: Tensor, batch: MixtureBatch, stage: sb.Stage) -> Tensor:
        """Cross-entropy to the speakers' labels."""
        labels = torch.tensor([self.labels[voice] for voice in batch.speakers], device=predictions.device)
        if stage != sb.Stage.TRAIN:
            for right in (predictions.argmax(-1) == labels).tolist():
                self.add_score("accuracy", float(right))
        return functional.cross_entropy(predictions.float(), labels)


@torch.no_grad()
def embed_clean(listener: Listener, signals: Iterable[np.ndarray]) -> np.ndarray:
    """Embed signals ``[S]`` one by one; ``[n, E]``."""
    listener.eval()
    device = listener.frontend.analysis.device
    found = [
        listener.embed(torch.from_numpy(x)[None].to(device), torch.tensor([x.size], device=device))
        for x in signals
    ]
    return torch.cat(found).float().cpu().numpy()
