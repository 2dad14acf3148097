"""``pse train``: any strategy by its name, on a corpus that is made on the spot."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pse_plugins import bundle
from pse_plugins.cli import run as pse
from pse_plugins.resources import find_recipe
from pse_plugins.training.config import plain_recipe, resolve_recipe
from pse_plugins.training.run import USED

GIVEN = {"data_folder": "speech", "noise_folder": "noise"}

SAMPLE = [
    {"speaker_encoder": "gru-siamese", "conditioner": "concat", "backbone": "gru"},
    {"speaker_encoder": "gru-siamese", "conditioner": "sparse-moe", "backbone": "transformer"},
    {"speaker_encoder": "d-vector", "conditioner": "cross-attention", "backbone": "gru"},
    {"speaker_encoder": "d-vector", "conditioner": "null", "backbone": "transformer"},
]
SMALL = {
    "d-vector": {"weights": "null", "hidden": 8, "layers": 1},
    "gru-siamese": {"hidden": 8},
    "cross-attention": {"heads": 2},
    "gru": {"hidden": 8},
    "transformer": {"encoder_layers": 1, "decoder_layers": 1, "heads": 2, "head_dim": 4, "feed_forward": 8},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tmp_path_factory.mktemp("corpus")


@pytest.mark.slow
@pytest.mark.parametrize("parts", SAMPLE, ids=lambda parts: "-".join(parts.values()))
def test_a_sample_of_the_matrix_trains_from_the_command_line(parts, corpus, tmp_path):
    pytest.importorskip("espeakng_loader", reason='pip install "pse-plugins[demo]"')
    settings = {"data_folder": corpus / "data", "output_folder": tmp_path / "run", **parts}
    settings |= {"voices": 12, "sentences": 2, "epoch_size": 4, "batch_size": 2, "number_of_epochs": 1}
    for kind, name in parts.items():
        if name in SMALL:
            options = ", ".join(f"{key}: {value}" for key, value in SMALL[name].items())
            settings[f"{kind}_options"] = f"{{{options}}}"
    words = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "pse_plugins.cli", "train", "Embedded/personalised/demo", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    config = bundle.describe(tmp_path / "run" / "bundle")["enhancer"]
    assert config["backbone"] == parts["backbone"]
    assert config["conditioner"] == (None if parts["conditioner"] == "null" else parts["conditioner"])
    bundle.load(tmp_path / "run" / "bundle")


def test_a_wrong_data_folder_makes_no_folder_and_what_is_built_is_named(
    tmp_path, monkeypatch, capsys, caplog
):
    monkeypatch.chdir(tmp_path)
    given = [word for key, value in GIVEN.items() for word in (f"--{key}", value)]
    small = ["--speaker_encoder", "gru-siamese", "--conditioner", "null", "--backbone_options", "hidden: 8"]
    with caplog.at_level(logging.INFO):
        assert pse(["train", "LibriSpeech/personalised/gru", *given, *small]) == 2
    assert "speech" in capsys.readouterr().err.splitlines()[-1]
    assert "training gru: " in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [["--backbone", "lstm"], ["--conditioner_options", "hedas: 4"], ["--loss", "mse"]]
)
def test_a_wrong_name_makes_no_folder(wrong, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = [word for key, value in GIVEN.items() for word in (f"--{key}", value)]
    assert pse(["train", "LibriSpeech/personalised/gru", *given, *wrong]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("pse: ")
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_can_be_copied_to_be_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert pse(["train", "LibriSpeech/personalised/gru", "--write", "my/own.yaml"]) == 0
    original = resolve_recipe(find_recipe("LibriSpeech/personalised/gru"), GIVEN, USED)
    assert plain_recipe(resolve_recipe("my/own.yaml", GIVEN, USED)) == plain_recipe(original)
    assert "!include" not in Path("my/own.yaml").read_text()
    Path("my/own.yaml").write_text("mine")
    assert pse(["train", "LibriSpeech/personalised/gru", "--write", "my/own.yaml"]) == 2
    assert "is there already" in capsys.readouterr().err and Path("my/own.yaml").read_text() == "mine"
