"""Objectives and scores against what is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pse_plugins.contracts import SpeakerCue, SpeakerEncoder
from pse_plugins.training.verification.objectives import (
    Distillation,
    Ge2e,
    PairObjective,
    verification_scores,
)
from pse_plugins.training.verification.utterances import VoiceBatch


def batch_of(voices, signal=None):
    signal = torch.zeros(len(voices), 1) if signal is None else signal
    return VoiceBatch(signal, signal, torch.full((len(voices),), signal.shape[1]), list(voices))


def test_same_and_different_pairs_weigh_the_same_however_many_there_are():
    z = torch.tensor([[2.0, 0.0], [2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    same = functional.softplus(torch.tensor(-4.0))
    others = functional.softplus(torch.tensor([-4.0, 0.0, -4.0, 0.0, 0.0])).mean()
    assert float(PairObjective()(z, batch_of("aabc"))) == pytest.approx(float((same + others) / 2))


def test_ge2e_is_the_papers_loop():
    """Each similarity written out as equation 9 has it: the own centroid without the utterance itself."""
    torch.manual_seed(0)
    vectors, voices, made = torch.randn(7, 4), "aaabbcc", Ge2e()
    unit, losses = functional.normalize(vectors, dim=1), []
    for j, voice in enumerate(voices):
        row = []
        for other in "abc":
            chosen = [i for i, v in enumerate(voices) if v == other and i != j]
            row.append(10 * torch.cosine_similarity(unit[j], unit[chosen].mean(0), dim=0) - 5)
        losses.append(-torch.stack(row).log_softmax(0)["abc".index(voice)])
    assert float(made(vectors, batch_of(voices)).detach()) == pytest.approx(
        float(torch.stack(losses).mean()), rel=1e-5
    )


def test_ge2e_teaches_voices_to_gather():
    torch.manual_seed(0)
    vectors, made = torch.randn(12, 6, requires_grad=True), Ge2e()
    optimiser = torch.optim.Adam([vectors, *made.parameters()], lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        made(vectors, batch_of("aaabbbcccddd")).backward()
        optimiser.step()
    unit = functional.normalize(vectors.detach(), dim=1).numpy()
    assert verification_scores(unit, list("aaabbbcccddd"))["eer"] == 0.0


class Says(SpeakerEncoder):
    """Its vector is the beginning of the signal."""

    input, vector_dim, cue_dim, sample_rate = "waveform", 3, 3, 8000

    def forward(self, waveforms, lengths):
        vectors = waveforms[..., :3]
        return SpeakerCue(vectors.unsqueeze(2), torch.ones(*lengths.shape, 1, dtype=torch.bool), vectors)


def test_distillation_wants_what_the_teacher_says_whatever_the_width_and_the_mean():
    signal = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    made, batch = Distillation(Says(), 4), batch_of("aabbc", signal)
    turn = torch.linalg.qr(torch.randn(4, 3))[0]
    with torch.no_grad():
        made.projection.weight.copy_(turn.T)
    turned = signal[:, :3] @ turn.T  # another width, the same angles
    assert made(7 * turned + 5, batch).item() == pytest.approx(0, abs=1e-5)
    assert made(turned.flip(0), batch).item() > 0.1
    assert [*made.state_dict()] == ["projection.weight"], "the teacher is nobody's to train or save"


def test_scores():
    apart = np.array([[3.0, 0], [3, 0], [0, 3], [0, 3]])
    assert verification_scores(apart, list("aabb")) == {"auc": 1.0, "eer": 0.0}
    assert verification_scores(apart, list("abab"))["eer"] > 0.5
    assert verification_scores(apart, list("aaaa")) == {}


def test_pairs_of_a_voice_are_told_by_their_recordings():
    """Voice a is alike within its recordings and unlike across them."""
    vectors = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [0.8, 0.6], [0.8, 0.6]])
    voices, recordings = list("aaaabb"), ["a1", "a1", "a2", "a2", "b1", "b2"]
    assert verification_scores(vectors, voices, recordings, "within")["eer"] == 0.0
    assert verification_scores(vectors, voices, recordings, "across")["eer"] > 0.3
