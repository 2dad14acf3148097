"""``pse check``: one line a check, and an exit code."""

from __future__ import annotations

import json

import pytest

import pse_plugins
from pse_plugins import cli, host
from pse_plugins.api import Component
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
        and "20 of 20 in order" in out
        and "parameters: 2,056" in out
    )
    assert "FAILED" not in out


def test_a_wrong_one_says_what_is_wrong_and_fails(offer, capsys):
    offer(IgnoresSpeaker)
    assert cli.run(["check", "mine"]) == 1
    out = capsys.readouterr().out
    assert "conditioner mine (pse-plugins" in out
    assert "FAILED   cue-matters" in out and "eight different speakers" in out


def test_checks_that_fail_alike_are_one_line(offer, capsys):
    def broken(dim, cue_dim):
        raise RuntimeError("the sky is falling")

    offer(broken)
    assert cli.run(["check", "mine"]) == 1
    out = capsys.readouterr().out
    assert out.count("the sky is falling") <= 2 and "18 more: " in out and "1 of 20 in order" in out


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
    assert "21 of 21 in order" in capsys.readouterr().out


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
    ],
)
def test_mistakes_are_one_line(words, said, capsys):
    assert cli.run(["check", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
