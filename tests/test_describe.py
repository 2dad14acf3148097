"""What is said of a component is what its author wrote, and is there for every one that is built in."""

from __future__ import annotations

import json

import pytest

from pse_plugins import cli
from pse_plugins.api import KINDS
from pse_plugins.describe import _entries, describe
from pse_plugins.host import Host

HOST = Host(discover=False)
BUILT_IN = [(kind, component.name) for kind in KINDS for component in HOST.components(kind)]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_option_of_a_built_in_is_explained(kind, name):
    found = describe(kind, name)
    assert found.about and found.contract.startswith("Offer")
    assert {o.name for o in found.options if not (o.kind and o.about)} == set()
    assert all(o.given or o.default for o in found.options), "a recipe may leave any option out"


def test_one_line_of_parameters_may_name_several():
    entries = _entries("layers, hidden : int\n    Number and\n    width.\nview : str\n    Which: this.")
    assert entries == {
        "layers": ("int", "Number and width."),
        "hidden": ("int", "Number and width."),
        "view": ("str", "Which: this."),
    }


def test_the_command_shows_options_shapes_and_source(capsys):
    assert cli.run(["components", "conditioner", "film"]) == 0
    out = capsys.readouterr().out
    assert "Perez et al., 2018" in out and "[B, T, C]" in out
    assert "normalise" in out and "True" in out and "cue_dim " not in out


def test_as_json_all_of_a_kind(capsys):
    assert cli.run(["components", "backbone", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {each["component"]["name"] for each in found} >= {"gru", "transformer"}
    assert "look_back" in {option["name"] for each in found for option in each["options"]}


@pytest.mark.parametrize("words", [["conditioners"], ["conditioner", "flim"]])
def test_unknown_names_show_the_nearest(words, capsys):
    assert cli.run(["components", *words]) == 2
    assert "did you mean" in capsys.readouterr().err
