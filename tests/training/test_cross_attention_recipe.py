"""Every row of the cross-attention table builds from its YAML, at the size that it should have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pse_plugins.assembly import DEFAULTS, build_enhancer
from pse_plugins.cost import count_parameters
from pse_plugins.resources import find_recipe
from pse_plugins.training.config import plain_recipe, resolve_recipe
from pse_plugins.training.run import USED

HPARAMS = Path(__file__).parents[2] / "recipes/LibriSpeech/cross_attention/hparams"
PAPER = {"concat-base": 5.8, "concat-large": 11.3, "cross-attention-base": 6.1, "cross-attention-large": 12.0}
GIVEN = {"data_folder": "speech", "noise_folder": "noise"}


def rows(table):
    return sorted((HPARAMS / table).glob("*.yaml"))


def read(path):
    return plain_recipe(resolve_recipe(path, GIVEN, USED))


def size(settings):
    config = {key: settings[key] for key in DEFAULTS if key in settings}
    options = {k: v for k, v in config["speaker_encoder_options"].items() if k != "weights"}
    enhancer = build_enhancer({**config, "speaker_encoder_options": {**options, "weights": None}})
    return count_parameters(enhancer.backbone) / 1e6


@pytest.mark.parametrize("table", ["small", "paper"])
def test_the_table_names_every_row(table):
    named = plain_recipe((HPARAMS / f"{table}.yaml").read_text())["rows"]
    assert {find_recipe(file) for file in named.values()} == set(rows(table))
    assert all(file == f"LibriSpeech/cross_attention/{table}/{name}" for name, file in named.items())


def test_the_page_names_every_row():
    page = (HPARAMS.parent / "README.md").read_text()
    assert [path.stem for path in rows("small") if f"`{path.stem}`" not in page] == []


@pytest.mark.parametrize("path", rows("paper"), ids=lambda p: p.stem)
def test_rows_of_the_paper_have_its_sizes(path):
    settings = read(path)
    kind = "concat" if path.stem.startswith("concat") else "cross-attention"
    wanted = 7.8 if path.stem == "voicefilter" else PAPER[f"{kind}-{path.stem.rpartition('-')[2]}"]
    assert size(settings) == pytest.approx(wanted, abs=0.15)
    assert settings["precision"] == "bf16" and settings["loss"] == "compressed-spectral"


@pytest.mark.parametrize("path", rows("small"), ids=lambda p: p.stem)
def test_small_rows_are_of_one_size(path):
    assert 0.8 < size(read(path)) < 1.4


@pytest.mark.parametrize("path", [*rows("small"), *rows("paper")], ids=lambda p: p.stem)
def test_a_row_says_its_name_its_clips_and_shares_the_mixtures(path):
    settings = read(path)
    assert settings["output_folder"] == f"results/{path.stem}/1"
    assert settings["data"]["law"]["enrolments"] == ([5, 5] if "-5" in path.stem else [1, 1])
    assert settings["data"]["test_seed"] == 0 and settings["data"]["test_size"] == 300
