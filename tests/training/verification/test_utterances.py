"""Utterances share the voice and nothing else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from pse_plugins.data import MixtureDataset, NoisePool, SpeechPool
from pse_plugins.data.manifest import inspect
from pse_plugins.errors import ConfigError
from pse_plugins.training.verification.utterances import VoiceDataset, collate_voices

RATE = 2000


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory):
    """Three voices; every sample of their recordings has its own value, so that stretches can be told apart."""
    folder, utterances, noises = tmp_path_factory.mktemp("voices"), [], []
    rng = np.random.default_rng(0)
    for name, lengths in {"ann": (6,), "bob": (6, 5), "cat": (1.7,)}.items():
        for u, seconds in enumerate(lengths):
            path = folder / f"{name}{u}.wav"
            soundfile.write(path, 0.3 * rng.standard_normal(round(seconds * RATE)), RATE)
            utterances.append(inspect(path, folder, f"{name}{u}", name))
    soundfile.write(folder / "noise.wav", 0.1 * rng.standard_normal(RATE), RATE)
    noises.append(inspect(folder / "noise.wav", folder, "noise", ""))
    law = {"segment": 2.0, "scenarios": {"ambient": 1}, "enrolments": (0, 0), "snr": (-5, 10)}
    return MixtureDataset(SpeechPool(utterances, RATE), NoisePool(noises, RATE), size=9, seed=1, **law)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_two_share_a_sample(mixtures, count):
    data = VoiceDataset(mixtures, 50, count)
    for index in range(50):
        parts = data.parts(("ann", "bob", "cat")[index % 3], np.random.default_rng(index))
        assert len(parts) == count
        ordered = sorted((part.id, part.start, part.start + part.length) for part in parts)
        assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(ordered))
        assert all(end <= mixtures.speech.outline(id).size for id, _, end in ordered)


def test_short_recordings_are_divided_and_not_padded(mixtures):
    data = VoiceDataset(mixtures, 20, voices=["cat"])
    assert {x.size for i in range(20) for x in data[i].heard} == {round(1.7 * RATE) // 2}


def test_modes_choose_recordings(mixtures):
    across = VoiceDataset(mixtures, 20, mode="across")
    assert across.voices == ["bob"]
    parts = [across.parts("bob", np.random.default_rng(i)) for i in range(20)]
    assert all(a.id != b.id for a, b in parts)
    within = VoiceDataset(mixtures, 20, mode="within")
    assert all(a.id == b.id for a, b in (within.parts("bob", np.random.default_rng(i)) for i in range(20)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "acros"}, "no mode 'acros'"),
        ({"utterances": 1}, "utterances must be at least 2"),
        ({"clean": 1.5}, "clean"),
        ({"level_db": [-10, -20]}, "level_db"),
    ],
)
def test_what_cannot_be_drawn(mixtures, options, words):
    with pytest.raises(ConfigError, match=words):
        VoiceDataset(mixtures, 20, **options)


def test_across_needs_somebody_with_two_recordings(mixtures):
    with pytest.raises(ConfigError, match="no voice has two recordings"):
        VoiceDataset(mixtures.of(["ann"]), 20, mode="across")


def test_they_depend_on_seed_epoch_and_index_alone(mixtures):
    data, again = VoiceDataset(mixtures, 9), VoiceDataset(mixtures, 9)
    np.testing.assert_array_equal(data[3].heard[0], again[3].heard[0])
    assert not np.array_equal(data[3].heard[0][:500], data[3].heard[1][:500])
    again.set_epoch(2)
    first, other = data[3].heard[0], again[3].heard[0]
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_share_of_them_is_left_as_recorded(mixtures):
    def left(clean):
        data = VoiceDataset(mixtures, 40, clean=clean)
        pairs = [pair for i in range(40) for pair in zip(data[i].heard, data[i].clean)]
        return np.mean([np.array_equal(heard, clean) for heard, clean in pairs])

    assert left(0.0) == 0 and 0.25 < left(0.5) < 0.75 and left(1.0) == 1


def test_a_batch_keeps_those_of_a_voice_together(mixtures):
    data = VoiceDataset(mixtures, 6, 3)
    batch = collate_voices([data[i] for i in range(6)])
    assert batch.voices == [data[i].voice for i in range(6) for _ in range(3)]
    assert batch.lengths.tolist() == [x.size for i in range(6) for x in data[i].heard]
    np.testing.assert_array_equal(batch.clean[4, : batch.lengths[4]].numpy(), data[1].clean[1])
