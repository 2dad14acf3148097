"""A recipe's YAML is read strictly; what is wrong is said in one line."""

import os
import subprocess
import sys

import pytest

from pse_plugins.errors import ConfigError
from pse_plugins.resources import find_recipe
from pse_plugins.training.config import load_recipe
from pse_plugins.training.schedule import Budget, Schedule

TEXT = """
lr: 0.1
conditioner: film
options: {a: 1}
__hidden: 3
optimiser: !name:torch.optim.Adam
    lr: !ref <lr>
"""
USED = ("conditioner", "options", "optimiser")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(TEXT)
    return path


def test_overrides_reach_what_refers_to_them(recipe):
    settings = load_recipe(recipe, "lr: 0.2\nconditioner: concat", USED)
    assert settings["conditioner"] == "concat"
    assert settings["optimiser"].keywords == {"lr": 0.2}


def test_null_can_be_written_as_python_writes_it(recipe):
    assert load_recipe(recipe, {"conditioner": "None"}, USED)["conditioner"] is None


@pytest.mark.parametrize(
    ("extra", "overrides", "word"),
    [
        ("", "condtioner: film", "did you mean 'conditioner'"),
        ("filter_args: 3\n", "", "'filter_args' is used by nothing"),
        ("data_folder: !PLACEHOLDER\nx: !ref <data_folder>\n", "", "--data_folder VALUE"),
        ("broken: [\n", "", "r.yaml"),
        ("options2: !new:no.such.Thing\ny: !ref <options2>\n", "", "r.yaml"),
    ],
)
def test_mistakes_are_config_errors(recipe, extra, overrides, word):
    recipe.write_text(TEXT + extra)
    with pytest.raises(ConfigError, match=word):
        load_recipe(recipe, overrides, USED)


def test_missing_recipe_is_named_with_those_there_are():
    with pytest.raises(ConfigError, match="LibriSpeech/personalised/gru"):
        find_recipe("LibriSpeech/personalised/grru")


def test_schedule_and_budget():
    cosine = Schedule("cosine", 0.1)
    assert cosine(0.05) == pytest.approx(0.5)
    assert cosine(0.1) == pytest.approx(1.0)
    assert cosine(1.0) == pytest.approx(0.01)
    noam = Schedule("noam", 0.25)
    assert noam(0.25) == pytest.approx(1.0)
    assert noam(1.0) == pytest.approx(0.5)
    assert Budget(10).progress(5) == 0.5
    assert Budget(10, minutes=1e-9).progress(1) == 1.0
    for bad in ({"shape": "cosin"}, {"warmup": 1.0}):
        with pytest.raises(ConfigError):
            Schedule(**bad)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope.yaml"], "no such recipe"),
        (["LibriSpeech/personalised/gru"], "--data_folder VALUE"),
        (["LibriSpeech/personalised/gru", "--device", "cuda"], "no CUDA device"),
        (["LibriSpeech/personalised/gru", "--precision", "fp7"], "--precision"),
        (["LibriSpeech/personalised/gru", "--condtioner", "film"], "did you mean 'conditioner'"),
    ],
)
def test_the_command_says_it_in_one_line_and_exits_with_2(words, said):
    command = [sys.executable, "-m", "pse_plugins.cli", "train", *words]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
