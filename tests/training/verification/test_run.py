"""A speaker encoder is trained from a recipe, its weights are used by name, its equal error rates are written."""

from __future__ import annotations

import json

import pytest
import torch
from tone_corpus import write_corpus

import pse_plugins
from pse_plugins.cli import run as pse

RECIPE = """
task: speaker-verification
seed: 3
data_folder: !PLACEHOLDER
noise_folder: !PLACEHOLDER
output_folder: !PLACEHOLDER
speaker_encoder: gru-siamese
speaker_encoder_options: {sample_rate: 8000, hidden: 6, layers: 1}
objective: ge2e
teacher: null
teacher_options: {}
utterances: 3
sample_rate: 8000
data: !name:pse_plugins.data.folder_sets
    data_folder: !ref <data_folder>
    noise_folder: !ref <noise_folder>
    save_folder: !ref <output_folder>/data
    held_speakers: 2
    rate: !ref <sample_rate>
    epoch_size: 8
    valid_size: 6
    test_size: 6
    seed: !ref <seed>
    law: {segment: 1.0, snr: [0, 20], scenarios: {ambient: 1}, enrolments: [0, 0]}
clip_seconds: 1.0
opt_class: !name:torch.optim.Adam
    lr: 0.01
number_of_epochs: 2
batch_size: 4
threads: 1
noprogressbar: True
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Eight 'speakers' (harmonic tones) of two recordings, noises, and the recipe."""
    folder = tmp_path_factory.mktemp("verification")
    write_corpus(folder, lambda speaker: 2)
    (folder / "verify.yaml").write_text(RECIPE)
    assert train(folder) == 0
    return folder


def train(folder, *words, output="run"):
    given = ["--data_folder", folder / "speech", "--noise_folder", folder / "noise"]
    own = ["--output_folder", str(folder / output), *words]
    return pse(["train", str(folder / "verify.yaml"), *map(str, given), *own])


def test_the_weights_are_used_by_their_path_and_frozen(project):
    options = {
        "sample_rate": 8000,
        "hidden": 6,
        "layers": 1,
        "weights": str(project / "run/encoder.safetensors"),
    }
    encoder = pse_plugins.build("speaker_encoder", "gru-siamese", **options)
    assert encoder.frozen
    torch.manual_seed(3)
    fresh = pse_plugins.build("speaker_encoder", "gru-siamese", **{**options, "weights": None})
    assert not torch.equal(encoder.gru.weight_hh_l0, fresh.gru.weight_hh_l0), "trained"


def test_equal_error_rates_are_written_within_and_across_recordings(project):
    rates = json.loads((project / "run/eer.json").read_text())
    assert rates["clip_seconds"] == 1.0
    for name in ("valid", "test"):
        assert set(rates[name]) == {"within", "across"}
        assert all(0 <= rate <= 1 for rate in rates[name].values())
    assert (project / "run/run.json").is_file() and (project / "run/recipe.yaml").is_file()


@pytest.mark.parametrize(
    "words", [["--objective", "distillation", "--teacher", "gru-siamese"], ["--objective", "pairs"]]
)
def test_other_objectives_train_too(project, words):
    options = ["--teacher_options", "{sample_rate: 8000, hidden: 5}"] if "--teacher" in words else []
    assert train(project, *words, *options, output=words[1]) == 0
    assert (project / words[1] / "encoder.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--objective", "ge2"], "no objective 'ge2'; did you mean 'ge2e'"),
        (["--objective", "distillation"], "needs a teacher"),
        (
            ["--objective", "distillation", "--teacher", "dvector"],
            "pse: teacher: no speaker_encoder 'dvector'; did you mean 'd-vector'?",
        ),
        (
            ["--objective", "distillation", "--teacher", "gru-siamese", "--teacher_options", "{hiden: 5}"],
            "pse: teacher: speaker_encoder 'gru-siamese' (pse-plugins 0.1.0): no option 'hiden'",
        ),
        (["--objective", "distillation", "--teacher", "gru-siamese"], "teacher gru-siamese hears 16000 Hz"),
        (["--speaker_encoder_options", "sample_rate: 16000"], "hears 16000 Hz, the data is at 8000 Hz"),
        (
            ["--speaker_encoder", "ecapa", "--speaker_encoder_options", "{weights: null, channels: 16}"],
            "ecapa is frozen",
        ),
        (["--utterances", "1"], "utterances must be at least 2"),
        (["--clip_seconds", "9"], "clips of 0 speaker(s) of 9 s"),
    ],
)
def test_mistakes_are_said_and_leave_nothing_behind(project, capsys, words, said):
    assert train(project, *words, output="mistake") == 2
    assert said in capsys.readouterr().err
    assert not (project / "mistake" / "encoder.safetensors").exists()
