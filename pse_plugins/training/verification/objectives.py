"""What makes a speaker encoder tell voices apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor, nn
from torch.nn import functional

from ...contracts import SpeakerEncoder
from .utterances import VoiceBatch


class PairObjective(nn.Module):
    """``sigmoid(z_i . z_j)`` is the probability that two utterances share a voice (Sivaraman & Kim).

    Binary cross-entropy over all pairs of a batch; those of one voice and those of two weigh the same.
    """

    def forward(self, vectors: Tensor, batch: VoiceBatch) -> Tensor:
        """Compare every utterance's vector ``[B, E]`` with every other."""
        same = _labels(batch.voices, vectors.device)
        same = same.unsqueeze(0) == same.unsqueeze(1)
        upper = torch.ones_like(same).triu(1)
        entropy = functional.binary_cross_entropy_with_logits(
            vectors @ vectors.T, same.to(vectors.dtype), reduction="none"
        )
        parts = [entropy[which].mean() for which in (same & upper, ~same & upper) if bool(which.any())]
        return torch.stack(parts).mean()


class Ge2e(nn.Module):
    """Generalised end-to-end loss, with softmax: each utterance is to find the centroid of its voice.

    Wan et al., "Generalized end-to-end loss for speaker verification", 2018, equations 4 to 6 and 9: similarity is
    ``w cos(e, c) + b``, and the centroid of an utterance's own voice leaves that utterance out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.offset = nn.Parameter(torch.tensor(10.0)), nn.Parameter(torch.tensor(-5.0))

    def forward(self, vectors: Tensor, batch: VoiceBatch) -> Tensor:
        """Score the vectors ``[B, E]`` of a batch; a voice may be there with any number of utterances."""
        label = _labels(batch.voices, vectors.device)
        unit = functional.normalize(vectors, dim=1, eps=1e-6)
        belongs = functional.one_hot(label).to(unit.dtype)  # [B, V]
        sums = belongs.T @ unit  # [V, E]
        others = functional.normalize(sums[label] - unit, dim=1, eps=1e-6)
        cosine = unit @ functional.normalize(sums, dim=1, eps=1e-6).T  # [B, V]
        cosine = torch.where(belongs > 0, (unit * others).sum(1, keepdim=True), cosine)
        return functional.cross_entropy(self.scale.clamp(min=1e-6) * cosine + self.offset, label)


class Distillation(nn.Module):
    """Has the encoder say of each utterance what another encoder says of it, by vectors of any width.

    ``1 - cos(W (z - mean z), t - mean t)``, means over the batch, `W` a projection that is learnt and left behind.
    Vectors of one sign are alike mostly by their mean: cosines that are regressed with it (relational distillation)
    teach little else.

    Parameters
    ----------
    teacher : SpeakerEncoder
        Frozen; not part of what is saved. It hears the utterances as they were recorded.
    width : int
        Of the encoder's vectors.
    """

    def __init__(self, teacher: SpeakerEncoder, width: int) -> None:
        super().__init__()
        self._teacher = (teacher.freeze(),)
        self.projection = nn.Linear(width, teacher.vector_dim, bias=False)

    def forward(self, vectors: Tensor, batch: VoiceBatch) -> Tensor:
        """Compare the vectors ``[B, E]`` with the teacher's."""
        teacher = self._teacher[0].to(vectors.device)
        with torch.no_grad():
            theirs = teacher(batch.clean.unsqueeze(1), batch.lengths.unsqueeze(1)).vectors[:, 0]
        ours = self.projection(vectors - vectors.mean(0))
        return 1 - functional.cosine_similarity(ours, theirs - theirs.mean(0), eps=1e-6).mean()


def _labels(voices: Sequence[str], device: torch.device) -> Tensor:
    """Number the voices, ``[B]``."""
    numbers = {voice: number for number, voice in enumerate(dict.fromkeys(voices))}
    return torch.tensor([numbers[voice] for voice in voices], device=device)


def verification_scores(
    vectors: np.ndarray, voices: Sequence[str], recordings: Sequence[str] = (), mode: str = ""
) -> dict[str, float]:
    """Compare utterances by the products of their vectors.

    Parameters
    ----------
    vectors : ndarray
        ``[n, E]``; of unit length for cosines.
    voices, recordings : sequence of str
        Whose, and of which recording.
    mode : {"", "within", "across"}
        Pairs of one voice are to be of one recording, or of two; ``""`` takes all.

    Returns
    -------
    dict
        ``"auc"``, the area under the curve, and ``"eer"``, the equal error rate in [0, 1]; chance is 0.5. Empty where
        there are no pairs of one voice, or none of two.
    """
    i, j = np.triu_indices(len(vectors), 1)
    names, score = np.array(voices), (vectors[i] * vectors[j]).sum(1)
    same, kept = names[i] == names[j], np.ones(len(i), bool)
    if mode:
        one = np.array(recordings)[i] == np.array(recordings)[j]
        kept = ~same | (one if mode == "within" else ~one)
    same, score = same[kept], score[kept]
    if same.all() or not same.any():
        return {}
    false_alarm, hit, _ = roc_curve(same, score)
    crossing = np.argmin(np.abs(false_alarm - (1 - hit)))
    return {
        "auc": float(roc_auc_score(same, score)),
        "eer": float((false_alarm[crossing] + 1 - hit[crossing]) / 2),
    }
