"""The part of the ensemble that listens: frontend, embedding ``f`` and gate ``g``; and the Brains that train it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import speechbrain as sb
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor, nn
from torch.nn import functional

from ...contracts import SpeakerEncoder
from ...data import MixtureBatch, collate
from ...frontend import Frontend
from ..steady import SteadyBrain
from .pairs import PairBatch, collate_pairs


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


class ListenerBrain(SteadyBrain):
    """Trains a `Listener`.

    Parameters
    ----------
    listener : Listener
    **brain
        What `SteadyBrain` takes.
    """

    def __init__(self, listener: Listener, **brain: Any) -> None:
        super().__init__(modules={"listener": listener}, **brain)

    def compute_forward(self, batch: PairBatch | MixtureBatch, stage: sb.Stage) -> Tensor:
        """Hear a batch."""
        batch = batch.to(self.device)
        return self.modules["listener"](batch.mixture, batch.lengths)


class PairBrain(ListenerBrain):
    """Trains ``f``: ``sigmoid(z_i . z_j)`` is the probability that two noisy utterances share a voice.

    Binary cross-entropy over all pairs of a batch; those of one voice and those of two weigh the same.
    """

    judged_by = "auc"
    collate = staticmethod(collate_pairs)

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        """Forget the embeddings of the stage before."""
        super().on_stage_start(stage, epoch)
        self._heard: list[tuple[np.ndarray, list[str]]] = []

    def compute_objectives(self, predictions: Tensor, batch: PairBatch, stage: sb.Stage) -> Tensor:
        """Compare every utterance of a batch with every other."""
        if stage != sb.Stage.TRAIN:
            self._heard.append((predictions.detach().float().cpu().numpy(), batch.voices))
        return pair_loss(predictions, batch.voices)

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Score the comparison of all validation utterances."""
        if stage != sb.Stage.TRAIN:
            z = np.concatenate([vectors for vectors, _ in self._heard])
            voices = [voice for _, part in self._heard for voice in part]
            for name, value in verification_scores(z, voices).items():
                self.add_score(name, value)
        super().on_stage_end(stage, stage_loss, epoch)


def pair_loss(z: Tensor, voices: list[str]) -> Tensor:
    """Average the cross-entropy over pairs of one voice and over pairs of two, and these two averages.

    Parameters
    ----------
    z : Tensor
        ``[B, E]``.
    voices : list of str
        ``B`` of them.
    """
    same = torch.tensor([[a == b for b in voices] for a in voices], device=z.device)
    upper = torch.ones_like(same).triu(1)
    entropy = functional.binary_cross_entropy_with_logits(z @ z.T, same.to(z.dtype), reduction="none")
    parts = [entropy[which].mean() for which in (same & upper, ~same & upper) if bool(which.any())]
    return torch.stack(parts).mean()


def verification_scores(z: np.ndarray, voices: list[str]) -> dict[str, float]:
    """Compare all utterances by ``z_i . z_j``: area under the curve, and equal error rate in [0, 1]."""
    i, j = np.triu_indices(len(z), 1)
    names = np.array(voices)
    same, score = names[i] == names[j], (z[i] * z[j]).sum(1)
    if same.all() or not same.any():
        return {"auc": 0.5, "eer": 0.5}
    false_alarm, hit, _ = roc_curve(same, score)
    crossing = np.argmin(np.abs(false_alarm - (1 - hit)))
    return {
        "auc": float(roc_auc_score(same, score)),
        "eer": float((false_alarm[crossing] + 1 - hit[crossing]) / 2),
    }


class GateBrain(ListenerBrain):
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
        super().__init__(listener, **brain)
        self.labels = labels

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
