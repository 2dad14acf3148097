"""A recipe with ``start`` goes on from a bundle's weights."""

from __future__ import annotations

import pytest
import torch
from tone_corpus import write_corpus

from pse_plugins import bundle
from pse_plugins.cli import run as pse

RECIPE = """
seed: 1
data_folder: !PLACEHOLDER
output_folder: !PLACEHOLDER
start: null
speaker_encoder: gru-siamese
speaker_encoder_options: {sample_rate: 8000, hidden: 6, layers: 1}
conditioner: film
conditioner_options: {}
backbone: gru
backbone_options: {layers: 1, hidden: 8}
sample_rate: 8000
frontend_options: {frame: 256, hop: 64}
data: !name:pse_plugins.data.folder_sets
    data_folder: !ref <data_folder>/speech
    noise_folder: !ref <data_folder>/noise
    save_folder: !ref <output_folder>/data
    held_speakers: 2
    rate: 8000
    epoch_size: 4
    valid_size: 2
    test_size: 4
    seed: !ref <seed>
    law: {segment: 1.0, enrolment_seconds: 1.0, scenarios: {babble: 1}}
standardise: 4
lr: 0.01
opt_class: !name:torch.optim.Adam
    lr: !ref <lr>
number_of_epochs: 1
batch_size: 2
threads: 1
noprogressbar: True
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A corpus of tones, a recipe, and what it made."""
    folder = tmp_path_factory.mktemp("start")
    write_corpus(folder, lambda speaker: 1, seconds=4.0, noises=6)
    (folder / "recipe.yaml").write_text(RECIPE)
    assert make(folder, "first") == 0
    return folder


def make(folder, output, *words):
    given = ["--data_folder", str(folder), "--output_folder", str(folder / output)]
    return pse(["train", str(folder / "recipe.yaml"), *given, *words])


def weights(folder):
    return bundle.load(folder / "bundle").state_dict()


def test_training_goes_on_from_the_weights_and_the_scale_of_the_features(project):
    assert make(project, "second", "--start", str(project / "first"), "--lr", "1e-12", "--seed", "2") == 0
    first, second = weights(project / "first"), weights(project / "second")
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], msg=name)
    assert make(project, "other", "--lr", "1e-12", "--seed", "2") == 0
    assert not torch.equal(weights(project / "other")["frontend.mean"], first["frontend.mean"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backbone_options", "{layers: 1, hidden: 9}"], "backbone_options: {'layers': 1, 'hidden': 8"),
        (["--frontend_options", "{frame: 256, hop: 128}"], "frontend_options: {'frame': 256, 'hop': 64"),
        (["--conditioner", "concat"], "conditioner: film, here concat"),
        (["--speaker_encoder_options", "{hidden: 7, layers: 1}"], "do not fit"),
        (["--start", "nothing"], "nothing: no such bundle folder"),
    ],
)
def test_another_network_is_refused_by_what_differs(project, capsys, words, said):
    assert make(project, "refused", "--start", str(project / "first"), *words) == 2
    assert said in capsys.readouterr().err
    assert not (project / "refused" / "bundle").exists()


def test_default_is_the_model_that_is_used_when_none_is_named(project, monkeypatch, capsys):
    monkeypatch.setenv("PSE_MODEL", str(project / "first"))
    assert make(project, "by-name", "--start", "default", "--lr", "1e-12") == 0
    torch.testing.assert_close(weights(project / "by-name"), weights(project / "first"))
