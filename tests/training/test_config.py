"""A recipe's YAML is read strictly; what is wrong is said in one line."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

import pytest
import torch
import yaml

from pse_plugins.assembly import build_enhancer
from pse_plugins.data import MixtureDataset, folder_sets
from pse_plugins.errors import ComponentError, ConfigError, PseError
from pse_plugins.frontend import Frontend
from pse_plugins.host import check_options, get_host, load
from pse_plugins.resources import find_recipe, recipe_names, share
from pse_plugins.training.checks import check_built, check_device, check_plain, options_found
from pse_plugins.training.command_line import Typed, read, split
from pse_plugins.training.config import load_recipe, plain_recipe, resolve_recipe
from pse_plugins.training.fitting import Job
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
USED = ("conditioner", "options", "optimiser", "backbone")


REQUIRED = {
    "backbone": {"n_bins": 257, "make_conditioner": None},
    "conditioner": {"dim": 4, "cue_dim": 4},
    "speaker_encoder": {},
}


def typed(line):
    """Read settings as they are typed behind the recipe."""
    return split(shlex.split(line), ())[1]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(TEXT)
    return path


def test_overrides_reach_what_refers_to_them(recipe):
    settings = load_recipe(recipe, typed("--lr 0.2 --conditioner concat"), USED)
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
    fits = load_recipe(recipe, typed("--lr 1e-4 --speeds null --cue False --law '{a: 2e3}'"), used)
    assert fits == {"lr": 1e-4, "speeds": None, "cue": False, "law": {"a": 2000.0}}


def test_what_training_reads_can_be_set_though_the_recipe_is_silent(recipe):
    assert load_recipe(recipe, typed("--extra=[a,b]"), (*USED, "extra"))["extra"] == ["a", "b"]
    with pytest.raises(ConfigError, match="no setting --extr; did you mean 'extra'"):
        load_recipe(recipe, {"extr": 1}, (*USED, "extra"))


def test_an_option_of_a_mapping_is_told_where_it_belongs(recipe):
    recipe.write_text(
        "law: {snr: [0, 5]}\ndata: !name:pse_plugins.data.librispeech_sets\n    law: !ref <law>\n"
    )
    for option, words in {
        "snr": 'no setting --snr in r.yaml; it is an option of law: --law "{snr: ...}"',
        "noise_speeds": 'it is an option of data: --data "{noise_speeds: ...}"',
        "noise_speds": "no setting --noise_speds; did you mean",
    }.items():
        with pytest.raises(ConfigError, match=re.escape(words)):
            load_recipe(recipe, {option: 1}, ("law", "data"))


def test_another_strategy_does_not_inherit_the_options_of_the_one_in_the_file(recipe):
    text = "conditioner: film\nconditioner_options:\n    a: 1\n\n    b: 2\noptions: {a: 1}\n"
    used = ("conditioner", "conditioner_options", "options")
    recipe.write_text(text)
    assert load_recipe(recipe, {"conditioner": "film"}, used)["conditioner_options"] == {"a": 1, "b": 2}
    assert load_recipe(recipe, {"conditioner": "add"}, used)["conditioner_options"] == {}
    with pytest.raises(ConfigError, match="--conditioner_options is a mapping"):
        load_recipe(recipe, typed("--conditioner_options heads"), used)
    both = load_recipe(recipe, {"conditioner": "add", "conditioner_options": {"c": 3}}, used)
    assert both == {"conditioner": "add", "conditioner_options": {"c": 3}, "options": {"a": 1}}


def test_what_is_wrong_in_a_fragment_is_said_with_its_line(recipe):
    recipe.with_name("film.yaml").write_text("# FiLM\na: 1\na: 2\n")
    recipe.write_text(TEXT.replace("options: {a: 1}", "options: !include:film.yaml"))
    with pytest.raises(ConfigError, match="film.yaml, line 3: 'a' is there already, in line 2"):
        load_recipe(recipe, {}, USED)


def test_fragments_are_included_and_can_be_overridden(recipe):
    recipe.with_name("film.yaml").write_text("# FiLM\na: 1\nb: !ref <lr>\n")
    recipe.write_text(TEXT.replace("options: {a: 1}", "options: !include:film.yaml   # as usual"))
    assert load_recipe(recipe, {}, USED)["options"] == {"a": 1, "b": 0.1}
    assert load_recipe(recipe, {"options": {"a": 2}}, USED)["options"] == {"a": 2, "b": 0.1}
    recipe.with_name("film.yaml").unlink()
    with pytest.raises(ConfigError, match=r"options includes film.yaml, and there is no .*film.yaml"):
        load_recipe(recipe, {}, USED)


def test_a_fragment_can_be_included_on_the_command_line(recipe, monkeypatch):
    monkeypatch.chdir(recipe.parent)
    recipe.with_name("film.yaml").write_text("b: 2\n")
    assert load_recipe(recipe, typed("--options !include:film.yaml"), USED)["options"] == {"a": 1, "b": 2}


def test_words_are_run_options_or_settings_with_a_value():
    words = "--noprogressbar --lr -1 --device cpu --a=b=c --requires_plugins '[pse-moe>=0.1]' --jit_module_keys x y"
    options, settings = split(shlex.split(words), ["noprogressbar"])
    assert options == ["--device", "cpu", "--jit_module_keys", "x", "y"]
    assert settings == {"noprogressbar": True, "lr": "-1", "a": "b=c", "requires_plugins": "[pse-moe>=0.1]"}
    assert split(["--precision", "bf16", "--debug"], ["precision"]) == (["--debug"], {"precision": "bf16"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--lr 1 --conditioner", "--conditioner needs a value; --conditioner null says none"),
        ("--conditioner --lr 1", "--conditioner needs a value"),
        ("--device --lr 1", "--device needs a value"),
        ("--evaluate null extra", "unexpected argument 'extra'"),
        ("--noprogressbar extra", "unexpected argument 'extra'"),
        ("-x", "unexpected argument '-x'"),
    ],
)
def test_words_that_are_neither_are_refused(line, said):
    with pytest.raises(ConfigError, match=said):
        split(shlex.split(line), [])


@pytest.mark.parametrize(
    ("key", "text", "before", "value"),
    [
        ("conditioner_options", "views: frames", {}, {"views": "frames"}),
        ("conditioner_options", "heads: 4, view: frames", {"heads": 2}, {"heads": 4, "view": "frames"}),
        ("law", "snr: [0, 5], segment: 2", {"snr": [1, 2]}, {"snr": [0, 5], "segment": 2}),
        ("backbone_options", "null", {"hidden": 8}, {}),
        ("backbone_options", "None", {"hidden": 8}, {}),
        ("conditioner", "None", "film", None),
        ("licence", "CC BY: 4.0", "CC0", "CC BY: 4.0"),
        ("licence", "a: b: [", "CC0", "a: b: ["),
        ("data_folder", "2024", None, "2024"),
        ("size", "2024", None, 2024),
        ("extra", "a: 1, b: 2", None, {"a": 1, "b": 2}),
    ],
)
def test_what_is_typed_is_read_beside_what_the_recipe_says(key, text, before, value):
    assert read(key, Typed(text), before) == value


def test_what_cannot_be_read_is_one_line():
    with pytest.raises(ConfigError, match=r"^--speeds '\[1.0' is not YAML: [^\n]*$"):
        read("speeds", Typed("[1.0"), [1.0])


def test_an_option_of_speechbrain_that_is_cut_short_is_not_taken_for_it(recipe):
    with pytest.raises(ConfigError, match="no setting --dev; did you mean 'device'"):
        load_recipe(recipe, typed("--dev cpu"), USED)


def test_what_is_built_is_set_in_the_recipe_and_its_options_anywhere(recipe):
    for line in ("--optimiser adam", "--optimiser null"):
        with pytest.raises(
            ConfigError, match=r"not on the command line.*'optimiser: !name:torch.optim.Adam'"
        ):
            load_recipe(recipe, typed(line), USED)
    optimiser = load_recipe(recipe, typed("--optimiser 'eps: 0.5'"), USED)["optimiser"]
    assert (optimiser.func, optimiser.keywords) == (torch.optim.Adam, {"lr": 0.1, "eps": 0.5})


def test_options_can_be_emptied_and_an_empty_line_be_filled(recipe):
    recipe.write_text("conditioner_options:\nbackbone_options: {a: 1}\n")
    used = ("conditioner_options", "backbone_options")
    for nothing in ("null", "{}"):
        settings = load_recipe(recipe, typed(f"--backbone_options {nothing}"), used)
        assert settings == {"conditioner_options": None, "backbone_options": {}}
    given = typed("--conditioner_options 'heads: 2' --backbone_options 'b: 2'")
    filled = {"conditioner_options": {"heads": 2}, "backbone_options": {"a": 1, "b": 2}}
    assert load_recipe(recipe, given, used) == filled


def test_a_folder_is_not_named_after_none(recipe):
    recipe.write_text("conditioner: film\nseed: 1\nf: x\noutput_folder: !ref <f>/gru-<conditioner>/<seed>\n")
    used = ("conditioner", "output_folder", "seed")
    assert load_recipe(recipe, {}, used)["output_folder"] == "x/gru-film/1"
    assert load_recipe(recipe, typed("--conditioner null"), used)["output_folder"] == "x/gru-no-conditioner/1"
    assert load_recipe(recipe, typed("--conditioner null --output_folder y"), used)["output_folder"] == "y"


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("gpu", "--device gpu: no such device; use cpu, cuda, cuda:1 or mps"),
        ("cuda:x", "no such device"),
        ("cuda", "torch finds no CUDA device here; use --device cpu"),
        ("mps", "torch finds no Apple GPU here"),
    ],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch, device, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    check_device("cpu")
    with pytest.raises(ConfigError, match=said):
        check_device(device)


def test_a_cuda_device_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_device("cuda:1")
    with pytest.raises(ConfigError, match="there are 2 CUDA devices here, counted from 0"):
        check_device("cuda:2")


PLAIN = {
    "data": "!name:pse_plugins.data.folder_sets",
    "opt_class": "!name:torch.optim.Adam",
    "output_folder": "x",
    "seed": 0,
    "number_of_epochs": 1,
    "batch_size": 1,
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("seed: abc", "seed must be a whole number"),
        ("seed: null", "seed must be a whole number of at least 0, got None"),
        ("batch_size: True", "batch_size must be a whole number of at least 1"),
        ("standardise: -3", "standardise must be a whole number of at least 0, got -3"),
        ("standardise: null", "standardise must be a whole number of at least 0"),
        ("threads: 0", "threads"),
        ("grad_accumulation_factor: 0", "grad_accumulation_factor must be a whole number"),
        ("ckpt_interval_minutes: null", "ckpt_interval_minutes must be"),
        ("precision: fp7", "precision must be one of fp32, bf16, fp16, got 'fp7'"),
        ("max_minutes: -1", "max_minutes must be above 0"),
        ("conditioner_options: heads", "conditioner_options is a mapping"),
        ("max_minutes: long", "max_minutes must be above 0"),
        (
            "opt_class: !new:torch.optim.Adam",
            "opt_class is built later; write !name:torch.optim.Adam, not !new:",
        ),
    ],
)
def test_values_are_checked_before_anything_is_built(wrong, said):
    check_plain("r.yaml", "\n".join(f"{key}: {value}" for key, value in PLAIN.items()), NEEDED)
    key, _, value = wrong.partition(": ")
    text = "\n".join(f"{key}: {value}" for key, value in {**PLAIN, key: value}.items())
    with pytest.raises(ConfigError, match=said):
        check_plain("r.yaml", text, NEEDED)


FOLDERS = {"data_folder": "a", "noise_folder": "b", "save_folder": "c"}
LAW = {"snr": [0, 5], "enrolment_augmentation": {}}


def sets(*, data_folder: str, speeds: "Sequence[float]" = (1.0,), cap: "int | None" = None, anything=None):
    pass


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": "mse"}, "no loss 'mse'"),
        ({"loss_options": {"limit_db": "much"}}, "limit_db must be float"),
        ({"schedule": {"shape": "cosin"}}, "no shape 'cosin'"),
        ({"schedule": {"warm": 1}}, "schedule cannot be built"),
        ({"opt_class": "adam"}, "opt_class is a function by its name, .* not 'adam'"),
        ({"opt_class": partial(torch.optim.Adam, lr="0,1")}, "opt_class with lr: '0,1' cannot be built"),
        ({"opt_class": partial(torch.optim.Adam, lr=None)}, "opt_class with lr: None cannot be built"),
        ({"data": partial(sets, data_foldr="x")}, "data: no option 'data_foldr'; did you mean 'data_folder'"),
        ({"data": partial(sets, data_folder=3)}, "data: data_folder must be str"),
        ({"data": partial(sets)}, "data: missing a required argument: 'data_folder'"),
        (
            {"data": partial(sets, data_folder="", speeds=None)},
            r"data: speeds must not be null; it is Sequence\[",
        ),
        ({"data": partial(folder_sets, **FOLDERS, law=None)}, "data: law must not be null"),
        ({"data": partial(folder_sets, **FOLDERS, law={"snr": 3})}, r"snr 3 must be \[from, to\]"),
        ({"data": partial(folder_sets, **FOLDERS, test_law={"snrr": 3})}, "did you mean 'snr'"),
        ({"output_folder": "/proc/none"}, "output_folder /proc/none cannot be made"),
    ],
)
def test_what_is_used_late_is_checked_early_and_nothing_is_made(wrong, said, tmp_path):
    right = {"output_folder": str(tmp_path / "x" / "y"), "opt_class": torch.optim.Adam}
    for data in (
        partial(sets, data_folder="", cap=None, anything=None),
        partial(folder_sets, **FOLDERS, law=LAW, test_law=None),
    ):
        check_built({**right, "data": data})
    with pytest.raises(PseError, match=said):
        check_built({**right, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_an_option_left_of_another_component_is_found_in_the_recipe():
    settings = {"speaker_encoder": "ecapa", "speaker_encoder_options": {"partials": True}}
    said = "no option 'partials'.*; it stands in speaker_encoder_options: change them, or clear them with"
    with pytest.raises(ComponentError, match=said), options_found(settings):
        build_enhancer(settings)
    with pytest.raises(ComponentError, match="in loss_options"):
        check_built({"loss": "si-sdr", "loss_options": {"limit": 3}})


def test_null_can_be_written_as_python_writes_it(recipe):
    assert load_recipe(recipe, {"conditioner": "None"}, USED)["conditioner"] is None


@pytest.mark.parametrize(
    ("extra", "overrides", "word"),
    [
        ("", "--condtioner film", "did you mean 'conditioner'"),
        ("filter_args: 3\n", "", "'filter_args' is used by nothing"),
        ("data_folder: !PLACEHOLDER\nx: !ref <data_folder>\n", "", "--data_folder VALUE"),
        (
            "a: !PLACEHOLDER\nb: !PLACEHOLDER\nc: !PLACEHOLDER\nx: !ref <a><b><c>\n",
            "--b 1",
            "r.yaml: a, c must be given: --a VALUE --c VALUE",
        ),
        (
            "broken: [\n",
            "",
            r"r.yaml, line 9: not YAML: .* while parsing a flow node that begins in line 9",
        ),
        (
            "backbon: gru\n__f: !ref <backbone>\n",
            "",
            "r.yaml: training reads no key 'backbon'; did you mean 'backbone'",
        ),
        ("backbon: gru\n__f: !ref <backbon>\n", "", "'backbone'.; mend it, or write __backbon if a !ref"),
        ("backbon: gru\n__f: !ref <backbon>\n", "--backbone gru", "did you mean 'backbone'"),
        ("lr: 3\n", "", r"r.yaml, line 8: 'lr' is there already, in line 2; remove one"),
        ("epochs: 3\nx: !ref <epocs>\n", "", "!ref <epocs>: no such key; did you mean 'epochs'"),
        ("", "--optimiser !name:torch.optim.SGD", "nothing can be built on the command line"),
        ("", "--options !include:none.yaml", "no such file"),
        ("__x: !new:no.such.Thing\n", "", "no such class as no.such.Thing; there is no module 'no.such'"),
        ("__x: !name:torch.optim.AdamWW\n", "", "as torch.optim.AdamWW; did you mean 'AdamW'"),
        ("__x: !name:adam\n", "", "as adam; write its module too"),
    ],
)
def test_mistakes_are_config_errors(recipe, extra, overrides, word):
    recipe.write_text(TEXT + extra)
    with pytest.raises(ConfigError, match=word) as error:
        load_recipe(recipe, typed(overrides), USED)
    assert "\n" not in str(error.value) and "unicode string" not in str(error.value)


TRAININGS = [name for name, path in recipe_names().items() if "task: comparison" not in path.read_text()]


@pytest.mark.parametrize("name", TRAININGS)
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
    ("settings", "options"), [({"grad_accumulation_factor": 4}, {}), ({}, {"grad_accumulation_factor": 4})]
)
def test_steps_are_counted_over_what_is_accumulated(settings, options, tmp_path):
    run_opts = {"grad_accumulation_factor": 1, **options}
    job = Job(tmp_path, 0, 2, 3, torch.optim.Adam, settings=settings, run_opts=run_opts)
    assert job.budget(24).steps == 2 * 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope.yaml"], "no such recipe"),
        (["LibriSpeech/personalised/gru"], "--data_folder VALUE"),
        (["LibriSpeech/personalised/gru", "--device", "cuda"], "no CUDA device"),
        (["LibriSpeech/personalised/gru", "--debug_batches", "many"], "--debug_batches"),
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
