"""A recipe's YAML is read strictly; what is wrong is said in one line."""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch
import yaml

from pse_plugins.data import MixtureDataset
from pse_plugins.errors import ConfigError, PseError
from pse_plugins.frontend import Frontend
from pse_plugins.host import check_options, get_host, load
from pse_plugins.resources import find_recipe, recipe_names, share
from pse_plugins.training.checks import check_arguments, check_built, check_plain
from pse_plugins.training.config import load_recipe, plain_recipe, resolve_recipe
from pse_plugins.training.recipe_text import hide
from pse_plugins.training.run import NEEDED
from pse_plugins.training.schedule import Budget, Schedule
from pse_plugins.training.tasks import task_of

TEXT = """
lr: 0.1
conditioner: film
options: {a: 1}
__hidden: 3
optimiser: !name:torch.optim.Adam
    lr: !ref <lr>
"""
USED = ("conditioner", "options", "optimiser")


REQUIRED = {
    "backbone": {"n_bins": 257, "make_conditioner": None},
    "conditioner": {"dim": 4, "cue_dim": 4},
    "speaker_encoder": {},
}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(TEXT)
    return path


def test_overrides_reach_what_refers_to_them(recipe):
    settings = load_recipe(recipe, "lr: 0.2\nconditioner: concat", USED)
    assert settings["conditioner"] == "concat"
    assert settings["optimiser"].keywords == {"lr": 0.2}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": "fast"}, "--lr is a number, such as 0.1, not 'fast'"),
        ({"lr": True}, "--lr is a number"),
        ({"speeds": 1.0}, r"--speeds is a list, such as '\[0.9, 1.1\]', not 1.0"),
        ({"cue": "maybe"}, "--cue is True or False"),
        ({"law": 3}, "--law is a mapping, such as '{a: 1}'"),
    ],
)
def test_a_setting_keeps_the_shape_that_it_has_in_the_recipe(recipe, given, words):
    recipe.write_text("lr: 0.1\nspeeds: [0.9, 1.1]\ncue: True\nlaw: {a: 1}\n")
    used = ("lr", "speeds", "cue", "law")
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe, given, used)
    fits = load_recipe(recipe, "lr: 1e-4\nspeeds: null\ncue: False\nlaw: {a: 2e3}", used)
    assert fits == {"lr": 1e-4, "speeds": None, "cue": False, "law": {"a": 2000.0}}


def test_what_training_reads_can_be_set_though_the_recipe_is_silent(recipe):
    assert load_recipe(recipe, "extra: [a, b]", (*USED, "extra"))["extra"] == ["a", "b"]
    with pytest.raises(ConfigError, match="no setting --extr; did you mean 'extra'"):
        load_recipe(recipe, "extr: 1", (*USED, "extra"))


def test_another_strategy_does_not_inherit_the_options_of_the_one_in_the_file(recipe):
    text = "conditioner: film\nconditioner_options:\n    a: 1\n\n    b: 2\noptions: {a: 1}\n"
    used = ("conditioner", "conditioner_options", "options")
    recipe.write_text(text)
    assert load_recipe(recipe, "conditioner: film", used)["conditioner_options"] == {"a": 1, "b": 2}
    assert load_recipe(recipe, "conditioner: add", used)["conditioner_options"] == {}
    with pytest.raises(ConfigError, match="--conditioner_options is a mapping"):
        load_recipe(recipe, "conditioner_options: heads", used)
    both = load_recipe(recipe, "{conditioner: add, conditioner_options: {c: 3}}", used)
    assert both == {"conditioner": "add", "conditioner_options": {"c": 3}, "options": {"a": 1}}


def test_fragments_are_included_and_can_be_overridden(recipe):
    recipe.with_name("film.yaml").write_text("# FiLM\na: 1\nb: !ref <lr>\n")
    recipe.write_text(TEXT.replace("options: {a: 1}", "options: !include:film.yaml   # as usual"))
    assert load_recipe(recipe, "", USED)["options"] == {"a": 1, "b": 0.1}
    assert load_recipe(recipe, "options: {a: 2}", USED)["options"] == {"a": 2, "b": 0.1}
    recipe.with_name("film.yaml").unlink()
    with pytest.raises(ConfigError, match=r"options includes film.yaml, and there is no .*film.yaml"):
        load_recipe(recipe, "", USED)


def test_a_fragment_can_be_included_on_the_command_line(recipe, monkeypatch):
    monkeypatch.chdir(recipe.parent)
    recipe.with_name("film.yaml").write_text("b: 2\n")
    assert load_recipe(recipe, "options: !include:film.yaml", USED)["options"] == {"a": 1, "b": 2}


def test_a_setting_without_a_value_is_refused_and_a_flag_is_not():
    check_arguments(["--noprogressbar", "--lr", "-1", "--a=b", "--conditioner", "null"], ["noprogressbar"])
    for argv in (["--lr", "1", "--conditioner"], ["--conditioner", "--lr", "1"]):
        with pytest.raises(ConfigError, match="--conditioner needs a value"):
            check_arguments(argv, ["noprogressbar"])


PLAIN = dict.fromkeys(("data", "opt_class", "output_folder")) | {
    "seed": 0,
    "number_of_epochs": 1,
    "batch_size": 1,
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": "abc"}, "seed must be a whole number"),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1"),
        ({"threads": 0}, "threads"),
        ({"max_minutes": -1}, "max_minutes must be above 0"),
        ({"conditioner_options": "heads"}, "conditioner_options is a mapping"),
        ({"max_minutes": "long"}, "max_minutes must be above 0"),
    ],
)
def test_numbers_are_checked_before_anything_is_built(wrong, said):
    check_plain("r.yaml", PLAIN, NEEDED)
    with pytest.raises(ConfigError, match=said):
        check_plain("r.yaml", {**PLAIN, **wrong}, NEEDED)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": "mse"}, "no loss 'mse'"),
        ({"loss_options": {"limit_db": "much"}}, "limit_db must be float"),
        ({"schedule": {"shape": "cosin"}}, "no shape 'cosin'"),
        ({"schedule": {"warm": 1}}, "schedule cannot be built"),
        ({"opt_class": partial(torch.optim.Adam, lr="abc")}, "opt_class cannot be built"),
        ({"output_folder": "/proc/none"}, "output_folder /proc/none cannot be made"),
    ],
)
def test_what_is_used_late_is_checked_early(wrong, said, tmp_path):
    right = {"output_folder": str(tmp_path / "x"), "opt_class": torch.optim.Adam}
    check_built(right)
    with pytest.raises(PseError, match=said):
        check_built({**right, **wrong})


def test_null_can_be_written_as_python_writes_it(recipe):
    assert load_recipe(recipe, {"conditioner": "None"}, USED)["conditioner"] is None


@pytest.mark.parametrize(
    ("extra", "overrides", "word"),
    [
        ("", "condtioner: film", "did you mean 'conditioner'"),
        ("filter_args: 3\n", "", "'filter_args' is used by nothing"),
        ("data_folder: !PLACEHOLDER\nx: !ref <data_folder>\n", "", "--data_folder VALUE"),
        ("broken: [\n", "", "r.yaml"),
        ("", "optimiser: !name:torch.optim.SGD", "nothing can be built on the command line"),
        ("", "options: !include:none.yaml", "no such file"),
        ("options2: !new:no.such.Thing\ny: !ref <options2>\n", "", "r.yaml"),
    ],
)
def test_mistakes_are_config_errors(recipe, extra, overrides, word):
    recipe.write_text(TEXT + extra)
    with pytest.raises(ConfigError, match=word):
        load_recipe(recipe, overrides, USED)


@pytest.mark.parametrize("name", recipe_names())
def test_the_record_of_a_run_is_a_recipe_that_says_the_same(name, tmp_path):
    given = {"data_folder": "speech", "output_folder": "out", "seed": 7}
    source = recipe_names()[name]
    if "noise_folder" in source.read_text():
        given["noise_folder"] = "noise"
    used = task_of(str(source)).USED
    text = resolve_recipe(source, given, used)
    (tmp_path / "recipe.yaml").write_text(hide(text, used))
    again = plain_recipe(resolve_recipe(tmp_path / "recipe.yaml", {}, used))
    first = plain_recipe(text)
    assert {key: again[key] for key in first if key in used} == {k: v for k, v in first.items() if k in used}
    assert again["data"]["seed"] == 7 and again["data"]["law"]["snr"]


@pytest.mark.parametrize("path", sorted(share("hparams").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_fragment_has_options_that_its_component_knows(path):
    options = yaml.safe_load(path.read_text())
    kind = next(
        k for k in ("backbone", "conditioner", "speaker-encoder", "frontend", "mixtures") if k in path.stem
    )
    if kind == "frontend":
        Frontend(sample_rate=16000 if "16k" in path.stem else 8000, **options)
    elif kind == "mixtures":
        check_options(
            MixtureDataset, {**options, "noise": None, "speech": None, "size": 1, "seed": 0}, path.stem
        )
    else:
        words, kind = path.stem.removeprefix(f"{kind}-"), kind.replace("-", "_")
        names = [c.name for c in get_host().components(kind) if words.startswith(c.name)]
        factory, _ = load(kind, max(names, key=len))
        check_options(factory, {**REQUIRED[kind], **options}, path.stem)


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
