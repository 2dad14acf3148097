"""Partitions and artefacts are what they say; the gate alone learns where the encoder is frozen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pse_plugins.errors import ConfigError, DataError
from pse_plugins.resources import find_recipe
from pse_plugins.training.zero_shot.artefacts import Artefact
from pse_plugins.training.zero_shot.listener import GateBrain, Listener
from pse_plugins.training.zero_shot.partition import Partition, divide, purity
from pse_plugins.training.zero_shot.run import STAGE_KEYS


def test_a_frozen_encoder_learns_nothing_while_the_gate_does():
    from pse_plugins.frontend import Frontend
    from pse_plugins.speaker_encoders.gru_siamese import GruSiamese

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


def test_the_page_names_every_setting_of_a_stage():
    page = (find_recipe("LibriSpeech/zero_shot_ensemble/ensemble").parents[1] / "README.md").read_text()
    section = page.partition("### Settings of the stages")[2].partition("\n## ")[0]
    named = {name for keys in STAGE_KEYS.values() for name in keys}
    assert {name for name in (*STAGE_KEYS, *named) if f"`{name}`" not in section} == set()
