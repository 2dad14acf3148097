"""Plugin distributions as requirements: listed, demanded by recipes, recorded in bundles, each problem one line."""

import importlib
import logging
import shutil
import sys

import pytest
import torch
import yaml
from fake_plugins import good
from packaging.requirements import Requirement

import pse_plugins
from pse_plugins import bundle, requirements
from pse_plugins.assembly import build_enhancer
from pse_plugins.cli import run as pse
from pse_plugins.errors import BundleError, ConfigError
from pse_plugins.host import get_host
from pse_plugins.requirements import check_recipe, in_use
from pse_plugins.training.record import in_words, plugins, write_record

training = importlib.import_module("pse_plugins.training.run")
OWN = f"pse-plugins=={pse_plugins.__version__}"

RECIPE = """
requires_plugins: {requires}
seed: 1
output_folder: {folder}/run
data: !apply:tests_read_no_data.before
conditioner: pse-fake-gain/gain
opt_class: !name:torch.optim.Adam
number_of_epochs: 1
batch_size: 1
"""


def test_what_is_in_use_is_listed_as_pip_takes_it(install, capsys):
    install("pse-fake-gain", good("gain"), version="0.2")
    install("Pse_Fake.Other", good("other"), version="1.0rc1+local.1", entries=["x = pse_fake.other"])
    (install.folder / "pse_fake").mkdir()
    (install.folder / "pse_fake" / "other.py").write_text(good("other"))
    install("pse-fake-broken", "import does_not_exist")
    listed = ["Pse_Fake.Other==1.0rc1+local.1", "pse-fake-gain==0.2", OWN]
    assert in_use() == listed
    assert all(Requirement(line) for line in listed)
    assert pse(["plugins", "--requirements"]) == 0
    assert capsys.readouterr().out.splitlines() == listed


def test_a_training_run_records_where_its_components_come_from(install, tmp_path):
    install("pse-fake-gain", good("gain"), version="0.2")
    install("pse-fake-other", good("other"))
    for config, listed in (
        ({"conditioner": None, "speaker_encoder": None}, [OWN]),
        ({**TINY, "conditioner": "film"}, [OWN]),
        (TINY, ["pse-fake-gain==0.2", OWN]),
    ):
        write_record("", [], {"seed": 1}, build_enhancer(config), tmp_path)
        assert (tmp_path / "plugins.txt").read_text().splitlines() == listed


@pytest.mark.parametrize(
    ("recipe", "required"),
    [
        ("seed: 1\n", ["pse-fake-gain>=0.2rc1"]),
        ("seed: 1\nrequires_plugins: []\nlr: 2\n", ["pse-fake-gain>=0.2rc1"]),
        ("requires_plugins:\n- pse-x>=1,<2\nlr: 2\n", ["pse-x>=1,<2", "pse-fake-gain>=0.2rc1"]),
        ("requires_plugins: [Pse_Fake.Gain <3]\n", ["Pse_Fake.Gain <3"]),
    ],
)
def test_a_runs_recipe_requires_the_plugins_that_it_used(install, tmp_path, recipe, required):
    install("pse-fake-gain", good("gain"), version="0.2rc1+mine.1")
    install("pse-fake-other", good("other"))
    write_record(recipe, [], {"seed": 1}, build_enhancer(TINY), tmp_path)
    written = (tmp_path / "recipe.yaml").read_text()
    assert yaml.safe_load(written) == {**yaml.safe_load(recipe), "requires_plugins": required}
    if "pse-x" not in recipe:
        check_recipe(written)
    write_record(recipe, [], {"seed": 1}, build_enhancer({**TINY, "conditioner": "film"}), tmp_path)
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text()) == yaml.safe_load(recipe)


def test_what_is_trained_is_named_as_it_is_built():
    film = {key: value for key, value in TINY.items() if key != "conditioner"}
    assert in_words(build_enhancer(film)) == "d-vector + film + gru"
    assert in_words(build_enhancer({**film, "conditioner": None})) == "gru"


def test_a_loss_and_the_parts_of_an_ensemble_come_from_somewhere_too(install):
    loss = (
        good("mine")
        .replace("pse_conditioners", "pse_losses")
        .replace("conditioners.film:Film", "losses.si_sdr:SiSdr")
    )
    install("pse-fake-loss", loss)
    backbone = (
        good("mine")
        .replace("pse_conditioners", "pse_backbones")
        .replace("conditioners.film:Film", "backbones.gru:Gru")
    )
    install("pse-fake-backbone", backbone)
    options = {"expert": "mine", "expert_options": {"hidden": 8}, "experts": 2}
    config = {"backbone": "specialist-ensemble", "backbone_options": options, "conditioner": None}
    assert plugins(build_enhancer(config), {"loss": "mine"}) == [
        "pse-fake-backbone==0.1",
        "pse-fake-loss==0.1",
        OWN,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1",
        "requires_plugins:",
        "requires_plugins: []",
        "requires_plugins: [pse-fake-gain]",
        "requires_plugins: [Pse_Fake.Gain>=0.2, pse-plugins>0.0.1]",
        "requires_plugins:\n  - pse-fake-gain >=0.1, <1\n  - pse-fake-gone; python_version < '3'",
        "requires_plugins: [pse-fake-gain]\ndata: !apply:tests_read_no_data.before",
    ],
)
def test_recipes_whose_plugins_are_there_pass(install, text):
    install("pse-fake-gain", good("gain"), version="0.2.dev1" if "<1" in text else "0.2")
    check_recipe(text)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            "[pse-fake-moe>=0.1]",
            'requires_plugins: pse-fake-moe>=0.1 (not installed): pip install "pse-fake-moe>=0.1", '
            "or pip install -e its folder",
        ),
        (
            "[pse-fake-moe]",
            "requires_plugins: pse-fake-moe (not installed): pip install pse-fake-moe, or pip install -e its folder",
        ),
        (
            "[pse-fake-moe==3, numpy, pse-fake-gain>=0.3]",
            "requires_plugins: pse-fake-moe==3 (not installed); pse-fake-gain>=0.3 (0.2 is installed): "
            'pip install pse-fake-moe==3 "pse-fake-gain>=0.3", or pip install -e its folder',
        ),
        (
            "[pse-plugins>=99]",
            f"requires_plugins: pse-plugins>=99 ({pse_plugins.__version__} is installed): "
            'pip install "pse-plugins>=99"',
        ),
    ],
)
def test_all_that_is_missing_is_one_line_with_one_command(install, entries, message):
    install("pse-fake-gain", good("gain"), version="0.2")
    with pytest.raises(ConfigError) as error:
        check_recipe(f"requires_plugins: {entries}")
    assert str(error.value) == message


def test_a_plugin_that_is_installed_and_broken_or_blocked_is_not_there(install, monkeypatch):
    install("pse-fake-gain", "import does_not_exist", version="0.2")
    install("pse-fake-b", good("b"))
    monkeypatch.setenv("PSE_BLOCK", "pse-fake-b")
    with pytest.raises(ConfigError) as error:
        check_recipe("requires_plugins: [pse-fake-gain, pse-fake-b, pse-fake-c]")
    text = str(error.value)
    assert "installed, but skipped plugin pse-fake-gain 0.2: ModuleNotFoundError" in text
    assert "installed, but left out plugin pse-fake-b 0.1: PSE_BLOCK names it" in text
    assert text.endswith(": pip install pse-fake-c, or pip install -e its folder")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("pse-moe", "is not a list"),
        ("{pse-moe: 0.1}", "is not a list"),
        ("[pse-moe: 0.1]", "is not a list"),
        ("[[pse-moe]]", "is not a list"),
        ("[pse-moe>=]", "'pse-moe>=' is not a requirement as pip takes it"),
        ("[pse moe]", "'pse moe' is not a requirement"),
        ("[pse-moe >=0.1, <0.2]", "'<0.2' is not a requirement"),
        ("['']", "'' is not a requirement"),
    ],
)
def test_malformed_entries_say_so(value, words):
    with pytest.raises(ConfigError) as error:
        check_recipe(f"requires_plugins: {value}")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_is_checked_before_anything_of_it_is_built(install, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(requires="[pse-fake-gain>=0.2]", folder=tmp_path))
    with pytest.raises(ConfigError, match=r'not installed\): pip install "pse-fake-gain>=0.2", or '):
        training.run([str(path)])
    assert [p.name for p in tmp_path.glob("run*")] == []
    install("pse-fake-gain", good("gain"), version="0.2")
    with pytest.raises(ConfigError, match="tests_read_no_data"):  # now the data's turn has come
        training.run([str(path)])


def test_the_requirement_can_be_overridden_on_the_command_line(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(requires="[]", folder=tmp_path))
    with pytest.raises(ConfigError, match="pip install pse-fake-x, or pip install -e its folder$"):
        training.run([str(path), "--requires_plugins", "[pse-fake-x]"])
    for words in (["--requires_plugins", "[pse-fake-x>=0.1]"], ["--requires_plugins=[pse-fake-x>=0.1]"]):
        with pytest.raises(ConfigError, match='pip install "pse-fake-x>=0.1", or '):
            training.run([str(path), *words])


TINY = {
    "sample_rate": 8000,
    "frontend_options": {"frame": 128, "hop": 64},
    "speaker_encoder": "d-vector",
    "speaker_encoder_options": {"weights": None, "hidden": 8, "layers": 1},
    "conditioner": "gain",
    "backbone": "gru",
    "backbone_options": {"hidden": 8, "layers": 1},
}


@pytest.fixture
def made(install, tmp_path):
    """Save a bundle whose conditioner is pse-fake-gain 0.2's, then uninstall that; gives folder and install."""
    install("pse-fake-gain", good("gain"), version="0.2")
    torch.manual_seed(0)
    folder = bundle.save(build_enhancer(TINY), tmp_path / "model")
    shutil.rmtree(install.folder)
    install.folder.mkdir()
    del sys.modules["pse_fake_gain"]
    get_host.cache_clear()
    return folder, install


def test_a_bundle_records_where_its_components_come_from(made):
    about = bundle.describe(made[0])
    assert about["plugins"] == ["pse-fake-gain==0.2"]
    assert about["enhancer"]["conditioner"] == "pse-fake-gain/gain"
    assert about["enhancer"]["backbone"] == "gru"


def test_a_bundle_loads_where_its_plugin_is(made, caplog, tmp_path):
    folder, install = made
    install("pse-fake-gain", good("gain"), version="0.2")
    install("pse-fake-other", good("gain"))  # of the same name: not taken for it
    again = bundle.load(folder)
    assert again.config["conditioner"] == "pse-fake-gain/gain"
    assert caplog.text == ""
    assert bundle.describe(bundle.save(again, tmp_path / "copy"))["plugins"] == ["pse-fake-gain==0.2"]


def test_a_bundle_does_not_keep_the_default_of_what_the_frontend_gives(install, tmp_path):
    encoder = good("spectrum").replace("pse_conditioners", "pse_speaker_encoders")
    reference = "pse_plugins.testing.references:ReferenceFeatureEncoder"
    install("pse-fake-encoder", encoder.replace("pse_plugins.conditioners.film:Film", reference))
    config = {**TINY, "speaker_encoder": "spectrum", "speaker_encoder_options": {}, "conditioner": "film"}
    folder = bundle.save(build_enhancer(config), tmp_path / "model")
    assert bundle.load(folder).speaker_encoder.embed.in_features == 65


def test_a_plugin_that_takes_a_built_in_name_changes_no_bundle(install, tmp_path):
    folder = bundle.save(build_enhancer({**TINY, "conditioner": "film"}), tmp_path / "model")
    install("pse-fake-film", good("film").replace("film:Film", "add:Add"))
    again = bundle.load(folder)
    assert "Film" in {type(module).__name__ for module in again.modules()}
    about = bundle.describe(bundle.save(again, tmp_path / "copy"))
    assert (about["enhancer"]["conditioner"], about["plugins"]) == ("film", [])


def test_a_bundle_whose_plugin_is_missing_names_the_command(made):
    folder, install = made
    install("pse-fake-other", good("gain"))
    with pytest.raises(
        BundleError,
        match="needs the plugin pse-fake-gain==0.2: pip install pse-fake-gain==0.2, or pip install -e ",
    ):
        bundle.load(folder)


@pytest.mark.parametrize(
    ("body", "block", "words"),
    [
        ("import does_not_exist", "", "skipped plugin pse-fake-gain 0.2: ModuleNotFoundError"),
        (good("gain"), "pse_fake_gain", "left out plugin pse-fake-gain 0.2: PSE_BLOCK names it"),
        (good("louder"), "", "it: pip install --force-reinstall pse-fake-gain==0.2"),
    ],
)
def test_a_bundle_whose_plugin_is_there_and_does_not_offer_it_says_why(made, monkeypatch, body, block, words):
    folder, install = made
    install("pse-fake-gain", body, version="0.2")
    monkeypatch.setenv("PSE_BLOCK", block)
    with pytest.raises(BundleError) as error:
        bundle.load(folder)
    assert "needs the conditioner 'pse-fake-gain/gain' of pse-fake-gain==0.2" in str(error.value)
    assert words in str(error.value)
    assert "pip install pse-fake-gain" not in str(error.value)  # it is installed
    assert ("reinstall" in str(error.value)) is ("reinstall" in words)  # a failure has a remedy of its own
    assert "\n" not in str(error.value)


def test_a_bundle_of_a_version_that_offers_more_names_it(made):
    folder, install = made
    install("pse-fake-gain", good("louder"), version="0.1")
    with pytest.raises(BundleError, match="does not offer it: pip install pse-fake-gain==0.2$"):
        bundle.load(folder)


def test_another_version_of_the_plugin_is_warned_about_and_loaded(made, caplog):
    folder, install = made
    install("pse-fake-gain", good("gain"), version="0.3")
    with caplog.at_level(logging.WARNING):
        assert bundle.load(folder).config["conditioner"] == "pse-fake-gain/gain"
    assert "made with pse-fake-gain==0.2, and 0.3 is installed" in caplog.text
    assert "pip install pse-fake-gain==0.2" in caplog.text


def test_this_packages_version_is_that_of_the_code():
    assert requirements.installed_version("Pse_Plugins") == pse_plugins.__version__
    assert requirements.installed_version("pse-fake-nowhere") is None


def test_a_component_inside_of_a_backbone_is_recorded_and_required_too(install, tmp_path):
    body = (
        good("net")
        .replace("pse_conditioners", "pse_backbones")
        .replace("conditioners.film:Film", "backbones.gru:Gru")
    )
    install("pse-fake-net", body, version="0.3")
    options = {"experts": 2, "expert": "net", "expert_options": {"hidden": 4}}
    made = build_enhancer(
        {"conditioner": None, "backbone": "specialist-ensemble", "backbone_options": options}
    )
    described = bundle.describe(bundle.save(made, tmp_path / "b"))
    assert described["enhancer"]["backbone_options"]["expert"] == "pse-fake-net/net"
    assert described["plugins"] == ["pse-fake-net==0.3"]
    assert bundle.load(tmp_path / "b").backbone.experts[1].head.in_features == 4
