"""A recipe laid over another: what it has of its own holds, the rest is the base's."""

from __future__ import annotations

import pytest

from pse_plugins.errors import ConfigError
from pse_plugins.training import recipe_text
from pse_plugins.training.plain_yaml import tagged

BASE = """# the base
a: 1
options: {x: 1, y: 2}
data: !name:some.sets
    folder: !ref <a>
    law:
        snr: [1, 2]
b: two   # kept
"""


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "rows").mkdir()

    def write(text, name="row.yaml"):
        path = tmp_path / "rows" / name
        path.write_text(text)
        return path

    return write


def test_own_keys_take_the_place_of_the_bases_whole(recipes):
    path = recipes("base: ../base.yaml\n# mine\noptions:\n    z: 3\nc: [4]\n")
    read = tagged(recipe_text.inline(path))
    assert read == {**tagged(BASE), "options": {"z": 3}, "c": [4]}


def test_what_refers_to_a_key_refers_to_the_new_one(recipes):
    from pse_plugins.training.config import resolve_recipe

    path = recipes("base: ../base.yaml\na: 7\ndata: {folder: !ref <a>}\n")
    text = resolve_recipe(path, {}, ["a", "options", "data", "b"])
    assert tagged(text)["data"] == {"folder": 7}


def test_a_base_may_have_one_and_fragments_are_relative_to_who_names_them(recipes, tmp_path):
    (tmp_path / "part.yaml").write_text("p: 1\n")
    (tmp_path / "base.yaml").write_text(BASE + "part: !include:part.yaml\n")
    recipes("base: ../base.yaml\na: 2\n", "middle.yaml")
    read = tagged(recipe_text.inline(recipes("base: middle.yaml\nb: three\n")))
    assert (read["a"], read["b"], read["part"]) == (2, "three", {"p": 1})


def test_a_base_may_be_one_that_comes_with_the_package(recipes):
    read = tagged(recipe_text.inline(recipes("base: LibriSpeech/cross_attention/small/film\nlr: 7\n")))
    assert read["lr"] == 7 and read["conditioner"] == "film" and "encoder_layers" in read["backbone_options"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: ../bas.yaml\n", "its base is ../bas.yaml, and there is no"),
        ("base: Embedded/personalised/dmo\n", "did you mean 'Embedded/personalised/demo'"),
        ("base: row.yaml\n", "leads back to it"),
    ],
)
def test_what_cannot_be_a_base(recipes, text, said):
    with pytest.raises(ConfigError, match=said):
        recipe_text.inline(recipes(text))
