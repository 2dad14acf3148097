"""Every row of the cross-attention table takes a training step from its YAML, the paper's sizes too."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tone_corpus import write_corpus

from pse_plugins import bundle
from pse_plugins.cli import run as pse
from pse_plugins.training.record import read_log

HPARAMS = Path(__file__).parents[2] / "recipes/LibriSpeech/cross_attention/hparams"
ROWS = sorted((*HPARAMS.glob("small/*.yaml"), *HPARAMS.glob("paper/*.yaml")))
ONE_STEP = {
    "data": "{train_subset: speech, test_subset: speech}",
    "speaker_encoder_options": "{weights: null}",
    "epoch_size": "2",
    "batch_size": "2",
    "valid_batch_size": "2",
    "valid_size": "2",
    "number_of_epochs": "1",
    "num_workers": "0",
    "standardise": "2",
    "speeds": "[1.0]",
    "evaluate": "False",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Tones of 42 'speakers', which leave two for training beside those held out."""
    folder = tmp_path_factory.mktemp("rows")
    write_corpus(folder, lambda speaker: 1, seconds=16.0, noises=20, speakers=42)
    for path in (folder / "speech").glob("*/*.wav"):
        path.rename(path.with_stem(f"{path.parent.name}-{path.stem}"))
    return folder


def train(corpus, recipe, output, *words):
    folders = {"data": corpus, "noise": corpus / "noise", "output": output}
    given = [word for key, value in folders.items() for word in (f"--{key}_folder", str(value))]
    options = [word for key, value in ONE_STEP.items() for word in (f"--{key}", value)]
    return pse(["train", str(recipe), *given, *options, *words])


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ROWS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_row_takes_a_step_and_leaves_a_bundle(corpus, tmp_path, recipe):
    small = ["--speaker_encoder_options", "{weights: null, channels: 16, embedding: 12}"]
    assert train(corpus, recipe, tmp_path / "run", *(small if "ecapa" in recipe.stem else [])) == 0
    assert len(read_log(tmp_path / "run" / "train_log.txt")["loss"]) == 1
    enhancer = bundle.load(tmp_path / "run" / "bundle")
    assert all(torch.isfinite(value).all() for value in enhancer.state_dict().values())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_step_is_the_same_step(corpus, tmp_path):
    tiny = "{encoder_layers: 1, decoder_layers: 1, heads: 2, head_dim: 8, feed_forward: 16, dropout: 0.0}"
    words = ["--backbone_options", tiny]
    found = {}
    for name, more in (("plain", []), ("compiled", ["--compile"])):
        output = tmp_path / name
        assert train(corpus, HPARAMS / "small/cross-attention.yaml", output, *words, *more) == 0
        found[name] = read_log(output / "train_log.txt")["loss"], bundle.load(output / "bundle").state_dict()
    (losses, weights), (others, compiled) = found.values()
    assert others == pytest.approx(losses, abs=2e-3)
    assert compiled.keys() == weights.keys()
    for name, value in weights.items():  # Adam's first step is as long whatever the gradient
        torch.testing.assert_close(compiled[name], value, rtol=0, atol=5e-3, msg=name)
