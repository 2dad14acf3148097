"""``pse check``: one line a check, and an exit code."""

from __future__ import annotations

import json

import pytest
from fake_plugins import good, pse

import pse_plugins
from pse_plugins import cli, host
from pse_plugins.api import KINDS, Component
from pse_plugins.testing.mutants.conditioner import CastsToFloat, IgnoresSpeaker


@pytest.fixture
def offer(monkeypatch):
    """Offer a conditioner called ``mine`` in a host of its own."""

    def offer(factory):
        own = host.Host(discover=False)
        own._offers["conditioner"].append(
            Component("mine", factory, provider=f"pse-plugins {pse_plugins.__version__}")
        )
        monkeypatch.setattr(host, "get_host", lambda: own)

    return offer


def test_a_right_component_is_all_in_order(capsys):
    assert cli.run(["check", "film", "--options", "dim: 4"]) == 0
    out = capsys.readouterr().out
    assert (
        "ok       cue-matters" in out
        and "ok       streams" in out
        and "21 of 21 in order" in out
        and "parameters: 2,056" in out
    )
    assert "FAILED" not in out


def test_a_wrong_one_says_what_is_wrong_and_fails(offer, capsys):
    offer(IgnoresSpeaker)
    assert cli.run(["check", "mine"]) == 1
    out = capsys.readouterr().out
    assert "conditioner mine (pse-plugins" in out
    assert "FAILED   cue-matters" in out and "eight different speakers" in out


def test_a_component_that_exits_fails_and_does_not_end_the_kit(offer, capsys):
    def broken(dim, cue_dim):
        raise SystemExit(0)

    offer(broken)
    assert cli.run(["check", "mine"]) == 1
    assert "SystemExit: 0" in capsys.readouterr().out


def test_checks_that_fail_alike_are_one_line(offer, capsys):
    def broken(dim, cue_dim):
        raise RuntimeError("the sky is falling")

    offer(broken)
    assert cli.run(["check", "mine"]) == 1
    out = capsys.readouterr().out
    assert out.count("the sky is falling") <= 2 and "19 more: " in out and "1 of 21 in order" in out


def test_an_expected_failure_in_an_enhancer_is_named_alike(capsys):
    assert cli.run(["check", "film", "--expect", "trains: never tried"]) == 1
    assert "PASSES   trains" in capsys.readouterr().out


def test_an_expected_failure_is_no_failure_and_must_fail(offer, capsys):
    offer(CastsToFloat)
    assert cli.run(["check", "mine", "--expect", "double-precision: float32 only"]) == 0
    assert "expected double-precision" in capsys.readouterr().out
    assert cli.run(["check", "film", "--expect", "double-precision: float32 only"]) == 1
    assert "PASSES   double-precision" in capsys.readouterr().out


def test_an_option_may_be_null(capsys):
    options = "{weights: null, hidden: 4, layers: 1}"
    assert cli.run(["check", "d-vector", "--options", options]) == 0
    assert "22 of 22 in order" in capsys.readouterr().out


def test_a_name_of_two_kinds_is_checked_as_both_unless_one_is_named(capsys):
    assert cli.run(["check", "si-sdr"]) == 0
    out = capsys.readouterr().out
    assert "loss si-sdr" in out and "metric si-sdr" in out
    assert cli.run(["check", "si-sdr", "--kind", "loss", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["component"].startswith("loss si-sdr")
    assert {line["outcome"] for line in report["checks"]} == {"passed"}
    assert report["facts"]["RTF"] > 0


def test_a_backbone_is_checked_with_the_conditioner_that_is_named(capsys):
    assert cli.run(["check", "gru", "--conditioner", "film", "--options", "{hidden: 8}", "--json"]) == 0
    (with_film,) = json.loads(capsys.readouterr().out)
    assert cli.run(["check", "gru", "--conditioner", "multiply", "--options", "{hidden: 8}", "--json"]) == 0
    (with_multiply,) = json.loads(capsys.readouterr().out)
    assert with_film["facts"]["parameters"] > with_multiply["facts"]["parameters"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flim"], "did you mean 'film'"),
        (["film", "--kind", "conditoner"], "did you mean 'conditioner'"),
        (["film", "--options", "{dmi: 4}"], "no option 'dmi'; did you mean 'dim'"),
        (["film", "--options", "{normalise: maybe}"], "normalise must be bool"),
        (["film", "--options", "{dim}"], "not a mapping in YAML"),
        (["film", "--options", "[1]"], "not a mapping in YAML"),
        (["film", "--options", "{hedas: 4"], "not a mapping in YAML"),
        (["film", "--expect", "causal"], "say why"),
        (["film", "--expect", "frame-wsie: so"], "did you mean 'frame-wise'"),
        (["gru", "--conditioner", "flim"], "did you mean 'film'"),
        (
            ["film", "--conditioner", "add"],
            "is put inside a backbone, and film is a conditioner; leave it out",
        ),
        (["si-sdr", "--conditioner", "add"], "and si-sdr is a loss and a metric; leave it out"),
        (["gru", "--kind", "loss", "--conditioner", "add"], "gru is a loss; leave it out"),
    ],
)
def test_mistakes_are_one_line(words, said, capsys):
    assert cli.run(["check", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_kind_may_be_written_with_a_hyphen(capsys):
    assert cli.run(["check", "d-vector", "--kind", "speaker-encoder", "--options", "{wieghts: 1}"]) == 2
    assert "speaker_encoder 'd-vector': no option 'wieghts'" in capsys.readouterr().err
    assert cli.run(["plugins", "--kind", "speaker-encoder", "--json"]) == 0
    (kind,) = {each["kind"] for each in json.loads(capsys.readouterr().out)["components"]}
    assert kind == "speaker_encoder"


@pytest.mark.parametrize("command", ["check", "components", "new", "plugins"])
def test_the_kinds_are_in_the_help(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run([command, "--help"]) == 0
    assert ", ".join(KINDS) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "settings", "why"),
    [
        (
            good("mixed"),
            {"PSE_BLOCK": "pse-fake"},
            "; left out by PSE_PLUGINS or PSE_BLOCK: pse-fake; see `pse",
        ),
        (good("mixed"), {"PSE_PLUGINS": ""}, "; left out by PSE_PLUGINS or PSE_BLOCK: pse-fake; see `pse"),
        ("import does_not_exist", {}, "; skipped plugin pse-fake 0.1: ModuleNotFoundError: "),
        (good("mixed"), {}, "; did you mean 'mixed'?; see `pse plugins`"),
    ],
)
def test_who_checks_a_plugin_that_is_not_loaded_is_told_so_once(install, body, settings, why):
    install("pse-fake", body)
    done = pse(install.folder, "check", "mixe", **settings)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pse: no component 'mixe'{why}")
    assert done.stderr.count("\n") == 1


def test_what_the_host_remarks_on_the_package_comes_last(install):
    install("pse-fake", "import time; time.sleep(0.6)" + good("mine"))
    install("pse-fake-other", "import time; time.sleep(0.6)" + good("another"))
    done = pse(install.folder, "check", "mine", "--options", "dim: 4")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("  remark on pse-fake 0.1: slow to load: ") and "(fix: name its factories" in last
    assert done.stdout.count("remark on") == 1 and done.returncode == 0
    (report,) = json.loads(pse(install.folder, "check", "mine", "--options", "dim: 4", "--json").stdout)
    assert [remark["provider"] for remark in report["remarks"]] == ["pse-fake"]


def test_one_broken_component_does_not_hide_the_others(install):
    install("pse-fake", good("film") + good("mine").replace("conditioners", "backbones"))
    broken = good("broken").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:X")
    (install.folder / "pse_fake_part.py").write_text("import does_not_exist")
    install("pse-fake-broken", broken + '    yield Component("odd", "builtins:dict")\n')
    done = pse(install.folder, "components", "conditioner", "--json")
    names = [each["component"]["name"] for each in json.loads(done.stdout)]
    assert names.count("film") == 2 and "concat" in names and "broken" not in names
    first, second = done.stderr.splitlines()
    assert first.startswith("pse: 'broken' of pse-fake-broken 0.1 cannot be imported: ModuleNotFoundError: ")
    assert second.startswith("pse: conditioner 'odd' (pse-fake-broken 0.1) cannot be described: ")
    assert done.returncode == 1
    done = pse(install.folder, "components", "conditioner", "broken")
    assert (done.stdout, done.returncode) == ("", 2)
    done = pse(install.folder, "components", "speaker-encoder")
    assert done.returncode == 0 and "speaker_encoder d-vector" in done.stdout
