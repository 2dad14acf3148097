"""Plugins are found and chosen, and components built by name with their options checked."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from fake_plugins import good, names, pse, put, said

from pse_plugins import Component, __version__, build
from pse_plugins.api import KINDS
from pse_plugins.assembly import build_enhancer
from pse_plugins.errors import AudioError, ComponentError, ConfigError
from pse_plugins.host import Host, get_host
from pse_plugins.plugin_sources import LeftOut

ROOT = Path(__file__).parent.parent
OWN = f"pse-plugins {__version__}"


def test_built_ins_come_through_the_same_door():
    host = Host(discover=False)
    assert {"concat", "add", "multiply", "film", "cross-attention", "sparse-moe"} <= set(names(host))
    assert {"gru", "transformer"} <= set(names(host, "backbone"))
    assert all(host.load(c) for kind in KINDS for c in host.components(kind))
    assert (host.failures, host.remarks) == ([], [])


def test_an_installed_plugin_is_offered_with_its_provider(install):
    install("pse-fake-good", good("wobble", provider="somebody else 9"))
    found = Host().find("conditioner", "wobble")
    assert found.provider == "pse-fake-good 0.1"


def test_a_name_offered_twice_is_an_error_only_when_used_short(install):
    install("pse-fake-a", good("film"))
    install("Pse.Fake_B", good("film"), entries=["main = pse.fake_b"])
    (install.folder / "pse").mkdir()
    (install.folder / "pse" / "fake_b.py").write_text(good("film"))  # the same entry-point name too
    host = Host()
    assert host.failures == []
    with pytest.raises(ComponentError, match=r"3 plugins; name one of: .*pse-fake-a/film .*pse-plugins/film"):
        host.find("conditioner", "film")
    assert host.find("conditioner", "pse-plugins/film").provider.startswith("pse-plugins ")
    for way in ("pse-fake-b/film", "Pse.Fake_B/film", "pse_fake_b/film"):
        assert host.find("conditioner", way).provider == "Pse.Fake_B 0.1"
    assert host.find("conditioner", "concat").name == "concat"
    with pytest.raises(ComponentError, match="no conditioner 'pse-fake-c/film'"):
        host.find("conditioner", "pse-fake-c/film")


def test_a_name_that_two_offer_is_remarked_on_and_listed_with_who_offers_it(install):
    install("pse-fake-a", good("film"))
    host = Host()
    (remark,) = host.remarks
    assert str(remark).startswith(
        f"remark on pse-fake-a 0.1: offers a conditioner 'film', as {OWN} does (fix: "
    )
    assert "pse-fake-a/film or pse-plugins/film" in remark.remedy
    with pytest.raises(ComponentError) as error:
        host.find("conditioner", "flm")
    listed = str(error.value).partition("available: ")[2].split(", ")
    assert {"concat", "pse-fake-a/film", "pse-plugins/film"} < set(listed) and "film" not in listed
    assert "did you mean 'film'" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (
            "backbone",
            "wobble",
            "no backbone 'wobble'; pse-fake-a 0.1 offers it as a conditioner, by pse_conditioners;",
        ),
        (
            "loss",
            "pse-fake-a/wobble",
            "; pse-fake-a 0.1 offers it as a conditioner, by pse_conditioners; available",
        ),
        (
            "speaker-encoder",
            "gru",
            f"no speaker_encoder 'gru'; {OWN} offers it as a backbone, by pse_backbones;",
        ),
        ("conditioner", "none", "no conditioner 'none'; null says none; available: add, "),
        ("speaker_encoder", "None", "no speaker_encoder 'None'; null says none; "),
        ("backbone", "none", "no backbone 'none'; if a plugin offers it, install that: pip install "),
        ("conditioner", "Wobble", "no conditioner 'Wobble'; did you mean 'wobble'?"),
    ],
)
def test_a_name_of_another_kind_is_said_to_be_and_so_is_the_way_to_write_none(install, kind, name, said):
    install("pse-fake-a", good("wobble"))
    with pytest.raises(ComponentError) as error:
        Host().find(kind, name)
    assert said in str(error.value)


def test_one_distribution_cannot_offer_a_name_twice_through_two_entry_points(install):
    (install.folder / "pse_fake_more.py").write_text(good("wobble"))
    install("pse-fake-a", good("wobble"), entries=["one = pse_fake_a", "two = pse_fake_more"])
    host = Host()
    assert names(host).count("wobble") == 1
    (failure,) = host.failures
    assert failure.entry == "two"
    assert "another of its entry points offers a conditioner 'wobble'" in failure.reason


def test_a_distribution_that_lies_on_the_path_twice_counts_once(install, tmp_path, monkeypatch):
    install("pse-fake-a", good("wobble"), version="2.0")
    (tmp_path / "old").mkdir()
    put(tmp_path / "old", "Pse_Fake.A", good("wobble"), version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "old")])
    assert Host().find("conditioner", "wobble").provider == "pse-fake-a 2.0"


def test_a_hook_may_have_a_name_of_its_own(install):
    body = good("wobble").replace("@hookimpl", "@hookimpl(specname='pse_conditioners')")
    install("pse-fake-a", body.replace("def pse_conditioners", "def offer"))
    assert "wobble" in names(Host())


@pytest.mark.parametrize(
    ("settings", "loaded"),
    [
        ({}, {"one", "two"}),
        ({"PSE_PLUGINS": "pse-fake-b"}, {"two"}),
        ({"PSE_PLUGINS": " Pse_Fake.B , PSE-FAKE-A,"}, {"one", "two"}),
        ({"PSE_PLUGINS": ""}, set()),
        ({"PSE_BLOCK": ""}, {"one", "two"}),
        ({"PSE_BLOCK": "pse_fake_b"}, {"one"}),
        ({"PSE_PLUGINS": "pse-fake-a,pse-fake-b", "PSE_BLOCK": "pse-fake-a"}, {"two"}),
    ],
)
def test_settings_choose_plugins(install, monkeypatch, caplog, settings, loaded):
    install("pse-fake-a", "raise RuntimeError" if "one" not in loaded else good("one"))
    install("Pse-Fake_B", good("two"))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    host = Host()
    assert {"one", "two"} & set(names(host)) == loaded
    assert "film" in names(host)
    assert len(host.remarks) == 2 - len(loaded) and host.failures == []
    assert all(isinstance(remark, LeftOut) for remark in host.remarks)
    assert host.find("conditioner", "film")
    assert caplog.text == ""  # the user knows: only a name that cannot be found says it
    if len(loaded) < 2:
        away = ", ".join(remark.provider for remark in host.remarks)
        said_so = f"^no conditioner 'thre'; left out by PSE_PLUGINS or PSE_BLOCK: {away}; available: "
        with pytest.raises(ComponentError, match=said_so):
            host.find("conditioner", "thre")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            "PSE_PLUGINS",
            "pse-fake-gud",
            "no installed plugin is called 'pse-fake-gud'; did you mean 'pse-fake-good'",
        ),
        (
            "PSE_BLOCK",
            "pse-fake-gud,",
            "no installed plugin is called 'pse-fake-gud'; did you mean 'pse-fake-good'",
        ),
        ("PSE_BLOCK", "pse-plugins", "built-in components cannot be left out"),
    ],
)
def test_unknown_names_in_the_settings_are_warned_about(install, monkeypatch, caplog, variable, value, words):
    install("pse-fake-good", good("wobble"))
    monkeypatch.setenv(variable, value)
    host = Host()
    assert f"mind {variable}: " in said(host.remarks) and words in said(host.remarks)
    with pytest.raises(ComponentError):
        host.find("conditioner", "flim")
    assert caplog.text.count(words) == 1


def test_the_built_ins_may_be_named_among_those_to_load(monkeypatch):
    monkeypatch.setenv("PSE_PLUGINS", "pse-plugins")
    assert not [r for r in Host().remarks if not isinstance(r, LeftOut)]


def test_the_listing_ends_with_remarks_and_failures(install):
    install("pse-fake-a", "import does_not_exist")
    install("pse-fake-b", good("wobble", api=(1, 9)))
    install("pse-fake-c", good("blocked"))
    done = pse(install.folder, "plugins", PSE_BLOCK="pse-fake-c,pse-fake-gone")
    lines = done.stdout.splitlines()[-4:]
    assert [line.partition(":")[0] for line in lines] == [
        "left out plugin pse-fake-c 0.1",
        "mind PSE_BLOCK",
        "mind pse-fake-b 0.1",
        "skipped plugin pse-fake-a 0.1",
    ]
    assert done.stderr == ""  # said once
    listing = json.loads(pse(install.folder, "plugins", "--json").stdout)
    assert [f["provider"] for f in listing["failures"]] == ["pse-fake-a"]
    assert [r["provider"] for r in listing["remarks"]] == ["pse-fake-b"]


def test_the_settings_are_in_the_help():
    text = pse(ROOT, "plugins", "--help").stdout
    assert all(word in text for word in ("PSE_PLUGINS=a,b", "PSE_BLOCK=a,b", "PSE_STRICT=1"))


def test_a_factory_without_a_name_can_be_listed(install):
    install(
        "pse-fake-a",
        "import functools"
        + good("wobble").replace('"pse_plugins.conditioners.film:Film"', "functools.partial(dict, a=1)"),
    )
    done = pse(install.folder, "plugins", "--all", "--json")
    code = {c["name"]: c["factory"] for c in json.loads(done.stdout)["components"]}["wobble"]
    assert "partial" in code


def test_a_broken_plugin_is_logged_once_a_host(install, caplog):
    install("pse-fake-a", "import does_not_exist")
    with caplog.at_level(logging.WARNING):
        assert get_host().failures and caplog.text == ""  # who lists, shows it
        get_host().find("conditioner", "film"), get_host().find("backbone", "gru")
    assert caplog.text.count("skipped plugin pse-fake-a") == 1


def test_a_broken_plugin_is_said_once_and_first_where_its_component_is_not_found(install, caplog):
    install("pse-fake-a", "import does_not_exist")
    install("pse-fake-b", "import does_not_exist_either")
    host = Host()
    with pytest.raises(ComponentError) as error:
        host.find("conditioner", "flim")
    assert str(error.value).startswith("no conditioner 'flim'; skipped plugin pse-fake-a 0.1: ")
    assert "did you mean" not in str(error.value) and "; available: add, concat" in str(error.value)
    with pytest.raises(ComponentError) as error:
        host.find("conditioner", "pse-fake-b/mine")
    assert "pse-fake-b 0.1" in str(error.value) and "pse-fake-a" not in str(error.value)
    host.find("conditioner", "film")
    assert caplog.text == ""


def test_who_names_a_skipped_plugin_is_warned_of_others_too(install, caplog):
    install("pse-fake-a", "import does_not_exist")
    install("pse-fake-b", "import does_not_exist_either")
    with pytest.raises(ComponentError):
        Host().find("conditioner", "pse-fake-b/mine")
    assert "pse-fake-a" in caplog.text and "pse-fake-b" not in caplog.text


def test_a_factory_that_cannot_be_imported_says_who_and_what_to_install(install):
    install("pse-fake-late", good("late").replace("pse_plugins.conditioners.film:Film", "nowhere:X"))
    host = Host()
    with pytest.raises(ComponentError, match=r"'late' of pse-fake-late 0\.1 cannot be .*pip install nowhere"):
        host.load(host.find("conditioner", "late"))


def test_a_misspelt_class_shows_the_nearest(install):
    install("pse-fake", good("ok").replace(":Film", ":Flim"))
    with pytest.raises(ComponentError, match="film has no 'Flim'; did you mean 'Film'"):
        build("conditioner", "ok", dim=2, cue_dim=2)


def test_a_distribution_that_is_not_installed_is_said_to_be(install):
    with pytest.raises(
        ComponentError,
        match=r"no conditioner 'pse-away/film'.*; pse-away is not installed: pip install pse-away, or pip install -e",
    ):
        build("conditioner", "pse-away/film")


def test_a_factory_whose_module_exits_does_not_end_the_tool(install):
    (install.folder / "pse_fake_part.py").write_text("raise SystemExit(0)")
    install("pse-fake-late", good("late").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:X"))
    host = Host()
    with pytest.raises(ComponentError, match="SystemExit: 0"):
        host.load(host.find("conditioner", "late"))


def test_a_built_in_room_loads_unchanged_as_a_third_party_package(install, tmp_path):
    room = get_host().load(get_host().find("conditioner", "film")).__module__.rsplit(".", 1)[0]
    source = sys.modules[room].__file__
    body = (
        Path(source).read_text().replace("from ..api", "from pse_plugins.api").replace("__name__", "__name__")
    )
    install("pse-fake-room", body)
    assert "pse-fake-room 0.1" in {c.provider for c in Host().components("conditioner")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"dim": 4, "cue_dim": 4, "expert": 2},
            "did you mean 'experts'.*; options: view: str = 'vector', ",
        ),
        ({"dim": 4}, "cue_dim"),
    ],
)
def test_options_are_checked_before_building(options, words):
    with pytest.raises(ComponentError, match=words):
        build("conditioner", "sparse-moe", **options)


def test_unknown_names_show_the_nearest():
    with pytest.raises(ComponentError, match="did you mean 'film'"):
        build("conditioner", "flim", dim=1, cue_dim=1)
    with pytest.raises(ComponentError, match="did you mean 'conditioner'"):
        build("conditoner", "film")


def test_a_kind_may_be_written_with_a_hyphen():
    host = Host(discover=False)
    assert host.components("speaker-encoder") == host.components("speaker_encoder")
    with pytest.raises(ComponentError, match="no kind 'speaker-encoders'; did you mean 'speaker_encoder'"):
        host.components("speaker-encoders")


REFUSES = """
from pse_plugins.contracts import Conditioner
from pse_plugins.errors import AudioError
class Picky(Conditioner):
    def __init__(self, dim, cue_dim, order=1):
        if order > 3:
            raise SystemExit(0)
        if order > 2:
            raise AudioError("order is 3 at most")
        if order > 1:
            raise ValueError("order must be odd")
        raise ArithmeticError("a mistake of its own")
"""


@pytest.fixture
def picky(install):
    (install.folder / "pse_fake_part.py").write_text(REFUSES)
    install("pse-fake", good("picky").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:Picky"))


@pytest.mark.parametrize(
    ("order", "kind", "words"),
    [
        (2, ConfigError, "order must be odd"),
        (3, AudioError, "order is 3 at most"),
        (4, ConfigError, r"it would end the program \(SystemExit\(0\)\)"),
    ],
)
def test_what_a_constructor_refuses_is_said_with_the_components_name(picky, order, kind, words):
    where = f"^conditioner 'picky' \\(pse-fake 0.1\\): {words}$"
    with pytest.raises(kind, match=where):
        build("conditioner", "picky", dim=1, cue_dim=1, order=order)
    config = {
        "conditioner": "picky",
        "conditioner_options": {"order": order},
        "speaker_encoder": "gru-siamese",
    }
    with pytest.raises(kind, match=where):
        build_enhancer(config)


def test_a_mistake_in_a_constructor_stays_what_it_is(picky):
    with pytest.raises(ArithmeticError, match="^a mistake of its own$"):
        build("conditioner", "picky", dim=1, cue_dim=1)


def test_a_component_that_names_itself_is_not_named_again():
    with pytest.raises(ConfigError, match="^gru: layers and hidden"):
        build("backbone", "gru", n_bins=3, make_conditioner=None, layers=0)


def test_keywords_work_as_yaml_writes_them():
    assert type(build(kind="conditioner", name="add", dim=3, cue_dim=2)).__name__ == "Add"


def test_records_check_themselves():
    with pytest.raises(ValueError, match="module"):
        Component("film", "no_colon")


def test_listing_imports_no_torch():
    code = (
        "import sys; from pse_plugins.host import get_host; from pse_plugins.api import KINDS\n"
        "print(sum(len(get_host().components(k)) for k in KINDS) > 8, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
