"""What is not finite is an error that names the plugins in the model, and how to check them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_plugins import good

sys.path.append(str(Path(__file__).parent / "cli"))
from rig import RATE, pse, put, talk, tiny

from pse_plugins import bundle
from pse_plugins.errors import PseError
from pse_plugins.training.brain import PSEBrain
from pse_plugins.training.steady import PATIENCE

NET = """
from pse_plugins.conditioners.film import Film
class Nan(Film):
    def forward(self, x, prepared):
        return super().forward(x, prepared) * float("nan")
"""
HINT = "; is it conditioner 'mine' (pse-fake-nan 0.1)? run `pse check pse-fake-nan/mine`"


@pytest.fixture
def enhancer(install):
    """An enhancer in which a plugin's conditioner gives NaN."""
    (install.folder / "pse_fake_part.py").write_text(NET)
    install("pse-fake-nan", good("mine").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:Nan"))
    return tiny(conditioner="mine")


def test_what_a_plugin_makes_of_a_file_or_of_live_audio_is_not_written(enhancer, tmp_path):
    saved = bundle.save(enhancer, tmp_path / "model")
    sound = put(tmp_path / "me.wav", talk(3))
    given = ("--enrol", sound, "--model", saved)
    raw = (talk(0.2) * 32768).astype("<i2").tobytes()
    for done in (
        pse("enhance", sound, *given, "--out", tmp_path / "out.wav"),
        pse("stream", sound, *given, "--out", tmp_path / "out.wav"),
        pse("stream", *given, "--rate", RATE, stdin=raw),
    ):
        assert (done.code, done.raw) == (2, b"")
        assert done.err.splitlines()[-1] == f"pse: the model gives NaN or infinite samples{HINT}"
    assert not (tmp_path / "out.wav").exists()


def test_a_model_of_built_in_parts_is_to_be_trained_again(tmp_path):
    enhancer = tiny()
    with torch.no_grad():
        next(enhancer.backbone.parameters()).fill_(np.nan)
    saved = bundle.save(enhancer, tmp_path / "model")
    sound = put(tmp_path / "me.wav", talk(3))
    done = pse("enhance", sound, "--enrol", sound, "--model", saved, "--out", tmp_path / "out.wav")
    assert done.err.endswith("infinite samples; train it again, or take another --model\n")


def test_a_training_that_ends_for_want_of_finite_gradients_names_them(enhancer):
    brain = PSEBrain(enhancer, opt_class=torch.optim.SGD, run_opts={"device": "cpu"})
    for _ in range(PATIENCE - 1):
        brain._skip()
    with pytest.raises(PseError) as error:
        brain._skip()
    assert str(error.value).endswith(f"or check the data{HINT}")
