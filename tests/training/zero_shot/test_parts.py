"""Pairs share the voice and nothing else; partitions, losses and scores are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from pse_plugins.data import MixtureDataset, NoisePool, SpeechPool
from pse_plugins.data.manifest import inspect
from pse_plugins.errors import ConfigError, DataError
from pse_plugins.training.zero_shot.artefacts import Artefact
from pse_plugins.training.zero_shot.listener import GateBrain, pair_loss, verification_scores
from pse_plugins.training.zero_shot.pairs import PairDataset, collate_pairs
from pse_plugins.training.zero_shot.partition import Partition, divide, purity

RATE = 2000


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory):
    """Three voices; every sample of their recordings has its own value, so that stretches can be told apart."""
    folder, utterances, noises = tmp_path_factory.mktemp("pairs"), [], []
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


def test_the_two_of_a_pair_share_no_sample(mixtures):
    data = PairDataset(mixtures, 50)
    for index in range(50):
        rng = np.random.default_rng(index)
        first, second = data._parts(("ann", "bob", "cat")[index % 3], rng)
        assert (
            first.id != second.id
            or first.start + first.length <= second.start
            or (second.start + second.length <= first.start)
        )


def test_short_recordings_give_halves_and_are_not_padded(mixtures):
    data = PairDataset(mixtures, 20, voices=["cat"])
    assert {data[i].first.size for i in range(20)} == {round(1.7 * RATE) // 2}


def test_modes_choose_recordings(mixtures):
    across = PairDataset(mixtures, 20, mode="across")
    assert across.voices == ["bob"]
    parts = [across._parts("bob", np.random.default_rng(i)) for i in range(20)]
    assert all(a.id != b.id for a, b in parts)
    within = PairDataset(mixtures, 20, mode="within")
    assert all(a.id == b.id for a, b in (within._parts("bob", np.random.default_rng(i)) for i in range(20)))
    with pytest.raises(ConfigError, match="no mode 'acros'"):
        PairDataset(mixtures, 20, mode="acros")
    with pytest.raises(ConfigError, match="no voice has two recordings"):
        PairDataset(mixtures.of(["ann"]), 20, mode="across")


def test_pairs_depend_on_seed_epoch_and_index_alone(mixtures):
    data, again = PairDataset(mixtures, 9), PairDataset(mixtures, 9)
    np.testing.assert_array_equal(data[3].first, again[3].first)
    assert not np.array_equal(data[3].first[:500], data[3].second[:500])
    again.set_epoch(2)
    assert data[3].first.shape != again[3].first.shape or not np.array_equal(data[3].first, again[3].first)


def test_same_and_different_pairs_weigh_the_same_however_many_there_are():
    z = torch.tensor([[2.0, 0.0], [2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    same = torch.nn.functional.softplus(torch.tensor(-4.0))
    others = torch.nn.functional.softplus(torch.tensor([-4.0, 0.0, -4.0, 0.0, 0.0])).mean()
    assert float(pair_loss(z, ["a", "a", "b", "c"])) == pytest.approx(float((same + others) / 2))


def test_verification_scores():
    apart = np.array([[3.0, 0], [3, 0], [0, 3], [0, 3]])
    assert verification_scores(apart, list("aabb")) == {"auc": 1.0, "eer": 0.0}
    assert verification_scores(apart, list("abab"))["eer"] > 0.5
    assert verification_scores(apart, list("aaaa")) == {"auc": 0.5, "eer": 0.5}


def test_batches_put_the_two_of_a_pair_side_by_side(mixtures):
    data = PairDataset(mixtures, 6)
    batch = collate_pairs([data[i] for i in range(6)])
    assert batch.voices[0::2] == batch.voices[1::2] and len(batch.mixture) == 12
    assert batch.lengths.tolist() == [x.size for i in range(6) for x in (data[i].first, data[i].second)]


def test_a_frozen_encoder_learns_nothing_while_the_gate_does():
    from pse_plugins.frontend import Frontend
    from pse_plugins.speaker_encoders.gru_siamese import GruSiamese
    from pse_plugins.training.zero_shot.listener import Listener

    for thaw in (False, True):
        listener = Listener(Frontend(8000), GruSiamese(input="features", n_bins=513), 3)
        GateBrain(listener, {}, thaw, opt_class=torch.optim.Adam)
        listener(torch.randn(2, 4000), torch.tensor([4000, 3000])).sum().backward()
        assert (listener.encoder.gru.weight_hh_l0.grad is not None) == thaw
        assert listener.gate.weight.grad is not None


VOICES = {f"v{i}": np.array([i % 2, 0.01 * i]) for i in range(8)}
GENDERS = {f"v{i}": "FM"[i % 2] for i in range(10)}
HELD = {"v8": np.array([0.0, 0.1]), "v9": np.array([1.0, 0.1])}


def test_held_voices_go_to_the_nearest_centre():
    divided = divide("k-means", 2, 0, VOICES, HELD, {})
    assert divided.labels["v8"] == divided.labels["v0"] != divided.labels["v9"] == divided.labels["v1"]
    assert purity(divided, GENDERS) == 1.0


def test_random_parts_are_equal_and_have_nothing_to_do_with_the_voice():
    divided = divide("random", 2, 0, VOICES, HELD, {})
    assert sorted(map(len, (divided.voices(n, list(divided.labels)) for n in (0, 1)))) == [5, 5]
    assert purity(divided, GENDERS) < 1.0
    assert divided.labels != divide("random", 2, 1, VOICES, HELD, {}).labels


def test_genders_are_two_parts():
    divided = divide("gender", 2, 0, VOICES, HELD, GENDERS)
    assert {GENDERS[v] for v in divided.voices(0, list(divided.labels))} == {"F"}


@pytest.mark.parametrize(
    ("kind", "k", "genders", "error", "words"),
    [
        ("k-means", 9, {}, DataError, "k = 9 specialists for 8 training speakers; ask for 1 to 8"),
        ("kmeans", 2, {}, ConfigError, "no partition 'kmeans'"),
        ("gender", 3, GENDERS, ConfigError, "by gender has 2 parts, not 3; set k: 2"),
        ("gender", 2, {"v0": "F"}, DataError, "the gender of v1 is not known"),
    ],
)
def test_what_cannot_be_divided(kind, k, genders, error, words):
    with pytest.raises(error, match=words):
        divide(kind, k, 0, VOICES, HELD, genders)


def test_a_partition_is_kept(tmp_path):
    divided = divide("k-means", 2, 0, VOICES, HELD, {})
    divided.write(tmp_path / "p.json")
    assert Partition.read(tmp_path / "p.json") == divided
    (tmp_path / "p.json").write_text("{")
    with pytest.raises(DataError):
        Partition.read(tmp_path / "p.json")


def test_an_artefact_knows_what_it_was_made_from(tmp_path):
    made = Artefact(tmp_path / "a", {"lr": 0.1, "of": "abc"})
    assert not made.done
    with pytest.raises(DataError, match="is not complete; run the stages before"):
        made.need()
    made.begin()
    assert not made.done, "begun is not done"
    with pytest.raises(ConfigError, match=r"lr: 0.1, now 0.2\); give another --output_folder, or remove"):
        _ = Artefact(tmp_path / "a", {"lr": 0.2, "of": "abc"}).done
    made.finish(score=3)
    assert made.done and made.record == {"score": 3} and not (tmp_path / "a" / "lock").exists()
    with pytest.raises(ConfigError, match='of: "abc", now "abd"'):
        Artefact(tmp_path / "a", {"lr": 0.1, "of": "abd"}).need()
