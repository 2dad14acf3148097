import json
import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pse_plugins.cli.data import app
from pse_plugins.errors import DataError

RECIPE = Path(__file__).parents[2] / "recipes" / "LibriSpeech" / "librispeech_prepare.py"


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def test_from_folders_to_a_test_list(corpus, tmp_path):
    speech, noise, out = (tmp_path / f"{name}.json" for name in ("speech", "noise", "list"))
    told = run("librispeech", corpus / "LibriSpeech", "--subset", "test-other", "--out", speech)
    assert "8 recordings of 4 speakers" in told.output
    assert "20 recordings of 10 " in run("noise", corpus / "noise", "--out", noise).output
    roots = ("--data-root", corpus / "LibriSpeech", "--noise-root", corpus / "noise")
    more = (
        "--per-scenario",
        3,
        "--fold",
        5,
        "--seconds",
        2,
        "--rate",
        8000,
        "--snr",
        0,
        5,
        "--enrolments",
        2,
    )
    assert "wrote 9 items" in run("test-list", speech, noise, *roots, "--out", out, *more).output
    content = json.loads(out.read_text())
    assert {f["path"].split("/")[1][0] for f in content["noise"].values()} == {"5"}
    assert all(0 <= i["snr"] <= 5 for i in content["items"] if i["scenario"] != "clean")
    assert {len(i["clips"]) for i in content["items"]} == {2}


def test_a_list_of_whole_utterances(corpus, tmp_path):
    speech, noise, out = (tmp_path / f"{name}.json" for name in ("speech", "noise", "list"))
    run("librispeech", corpus / "LibriSpeech", "--subset", "test-other", "--out", speech)
    run("noise", corpus / "noise", "--out", noise)
    roots = ("--data-root", corpus / "LibriSpeech", "--noise-root", corpus / "noise")
    run("test-list", speech, noise, *roots, "--out", out, "--per-scenario", 4, "--whole", "--rate", 8000)
    content = json.loads(out.read_text())
    names = {item["target"]["id"] for item in content["items"]}
    for item in content["items"]:
        assert item["target"]["length"] == content["speech"][item["target"]["id"]]["samples"]
    assert all(content["speech"][name]["words"] == f"WORDS OF {name}" for name in names)


def test_speakers_folder(corpus, tmp_path):
    told = run("speakers", corpus / "LibriSpeech" / "test-other", "--out", tmp_path / "m.json")
    assert "8 recordings of 4 speakers" in told.output
    with pytest.raises(DataError, match="check the path"):
        run("speakers", tmp_path / "absent", "--out", tmp_path / "m.json")


def test_the_recipes_preparation_writes_the_global_split(corpus, tmp_path):
    prepare = runpy.run_path(str(RECIPE))["prepare"]
    prepare(str(corpus / "LibriSpeech"), str(corpus / "noise"), str(tmp_path))
    assert {p.stem for p in tmp_path.glob("*.json")} >= {"train", "valid", "test", "test-other", "noise"}
    speakers = {e["spk_id"] for e in json.loads((tmp_path / "train.json").read_text()).values()}
    assert {"19", "26"} <= speakers
