import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from rich.console import Console

from pse_plugins import bundle, cli
from pse_plugins.assembly import build_enhancer
from pse_plugins.cli import demo
from pse_plugins.errors import PseError
from pse_plugins.resources import find_recipe
from pse_plugins.training.config import load_recipe
from pse_plugins.training.run import USED

ENCODER = {"weights": None, "hidden": 8, "layers": 1}


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """The demo without its hours: noise of two kinds, and bundles that were never trained."""
    pytest.importorskip("espeakng_loader", reason='pip install "pse-plugins[demo]"')
    from pse_plugins.data import embedded, espeak
    from pse_plugins.data.synthetic_noise import synthesise_noise

    def few(folder, seed, rate):
        return synthesise_noise(folder, kinds=["hum", "rain"], per_kind=2, seconds=2, seed=seed, rate=rate)

    started = []

    def start(folder, settings):
        started.append(settings["conditioner"])
        torch.manual_seed(0)
        config = {"conditioner": settings["conditioner"], "speaker_encoder": "d-vector"}
        sizes = {"speaker_encoder_options": ENCODER, "backbone_options": {"layers": 1, "hidden": 8}}
        bundle.save(build_enhancer({**config, **sizes}), folder / "bundle")
        (folder / "train_log.txt").write_text("epoch: 1, all is well\n")
        return SimpleNamespace(poll=lambda: 0, returncode=0, terminate=lambda: None)

    monkeypatch.setattr(espeak, "run_alone", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(embedded, "synthesise_noise", few)
    monkeypatch.setattr(demo, "_start", start)
    return SimpleNamespace(out=tmp_path / "demo", started=started)


def run(quick, *more):
    options = ["--conditioners", "film,concat", "--voices", "12", "--items", "4", *more]
    return cli.run(["demo", "--out", str(quick.out), *options])


def test_demo_leaves_models_scores_report_and_a_streamed_file(quick, capsys):
    assert run(quick) == 0
    said = capsys.readouterr().out
    for part in (
        "film",
        "concat",
        "ambient",
        "babble",
        "oracle mask",
        "algorithmic latency",
        "real-time factor",
    ):
        assert part in said
    assert "stream vs offline" in said and "epoch: 1, all is well" in said
    results = json.loads((quick.out / "report" / "results.json").read_text())
    assert {row["model"] for row in results["summary"]} >= {"film", "concat"}
    assert "<audio" in (quick.out / "report" / "report.html").read_text()
    mixture, enhanced = (
        soundfile.read(quick.out / "sample" / f"{n}.wav")[0] for n in ("mixture", "enhanced")
    )
    assert mixture.shape == enhanced.shape and np.abs(mixture - enhanced).max() > 1e-3

    command = next(line for line in said.splitlines() if " enhance " in line).split()
    start = command.index("enhance")
    kept = quick.out / "kept.wav"
    words = [str(kept) if word == "kept.wav" else word for word in command[start:]]
    assert cli.run(words) == 0 and kept.is_file()


def test_what_is_trained_is_not_trained_again(quick):
    settings = demo._settings(quick.out, 1, 0, 12, 4)
    for _ in range(2):
        bundles = demo._train_all(Console(), quick.out, ["film", "concat"], 1, settings)
        assert quick.started == ["film", "concat"] and all(b.is_dir() for b in bundles.values())
    for option, value in (("max_minutes", 2), ("voices", 13), ("seed", 1)):
        demo._train_all(Console(), quick.out, ["film"], 2, {**settings, option: value})
    assert quick.started == ["film", "concat", "film", "film", "film"], "other settings are another training"


def test_the_recipe_takes_every_setting_of_the_demo(tmp_path):
    settings = demo._settings(tmp_path, minutes=1.5, seed=3, voices=60, items=10)
    recipe = load_recipe(find_recipe(demo.RECIPE), {**settings, "conditioner": "concat"}, USED)
    assert (recipe["max_minutes"], recipe["seed"], recipe["conditioner"]) == (1.5, 3, "concat")
    assert recipe["data"].keywords["test_size"] == 10 and recipe["data"].keywords["voices"] == 60


def test_without_pretrained_weights_an_encoder_is_trained(monkeypatch, tmp_path, capsys):
    from pse_plugins.speaker_encoders import d_vector

    monkeypatch.setattr(d_vector.importlib.util, "find_spec", lambda name: None)
    assert demo._settings(tmp_path, 1, 0, 12, 2)["speaker_encoder"] == "gru-siamese"
    assert "pip install --no-deps resemblyzer" in capsys.readouterr().err


def test_a_failed_training_says_why(tmp_path):
    (tmp_path / "train.out").write_text("step 1\npse: the disk is full; make room\n")
    with pytest.raises(
        PseError, match=r"training film failed: pse: the disk is full; make room .*train\.out"
    ):
        demo._check("film", tmp_path, 1)
    demo._check("film", tmp_path, 0)


def test_epochs_are_told_once(tmp_path, capsys):
    console, log = Console(), tmp_path / "train_log.txt"
    told = demo._tell(console, "film", tmp_path, 0)
    for count in (1, 3):
        log.write_text("".join(f"epoch {i}\n" for i in range(count)))
        told = demo._tell(console, "film", tmp_path, told)
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["0", "1", "2"]


@pytest.mark.parametrize("conditioners", ["", "film,film"])
def test_conditioners_must_be_named_once(conditioners, capsys):
    assert cli.run(["demo", "--conditioners", conditioners]) == 2
    assert "each once" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_demo(tmp_path):
    command = [sys.executable, "-m", "pse_plugins.cli", "demo", "--out", str(tmp_path), "--minutes", "0.1"]
    done = subprocess.run([*command, "--voices", "12", "--items", "4"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file() and "Done in" in done.stdout
