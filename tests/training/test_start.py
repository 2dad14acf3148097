"""A recipe with ``start`` goes on from a bundle's weights."""

from __future__ import annotations

import re

import pytest
import torch
from tone_corpus import RECIPE, write_corpus

from pse_plugins import bundle
from pse_plugins.cli import run as pse
from pse_plugins.errors import ConfigError
from pse_plugins.training.ship import ship


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A corpus of tones, a recipe, and what it made."""
    folder = tmp_path_factory.mktemp("start")
    write_corpus(folder, lambda speaker: 1, seconds=4.0, noises=6)
    (folder / "recipe.yaml").write_text(RECIPE)
    assert make(folder, "first") == 0
    return folder


def make(folder, output, *words):
    folders = {"data": folder / "speech", "noise": folder / "noise", "output": folder / output}
    given = [word for key, value in folders.items() for word in (f"--{key}_folder", str(value))]
    return pse(["train", str(folder / "recipe.yaml"), *given, "--standardise", "4", *words])


def weights(folder):
    return bundle.load(folder / "bundle").state_dict()


def test_training_goes_on_from_the_weights_and_the_scale_of_the_features(project):
    assert make(project, "second", "--start", str(project / "first"), "--lr", "1e-12", "--seed", "2") == 0
    first, second = weights(project / "first"), weights(project / "second")
    assert first.keys() == second.keys()
    record = bundle.describe(project / "second" / "bundle")["record"]
    assert record["start"] == str(project / "first")
    started = bundle.describe(project / "first" / "bundle")
    assert record["licence"] == "" and record["start_weights"] == started["weights"]["sha256"]
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], msg=name)
    assert make(project, "other", "--lr", "1e-12", "--seed", "2") == 0
    assert not torch.equal(weights(project / "other")["frontend.mean"], first["frontend.mean"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--backbone_options", "{hidden: 7}"],
            "(backbone_options hidden: 8, now 7), and this one cannot grow from it: it is narrower (",
        ),
        (["--backbone_options", "{layers: 2}"], "cannot grow from it: there are other layers;"),
        (
            ["--backbone_options", "{hidden: 9, normalise: true}"],
            "(backbone_options hidden: 8, now 9; backbone_options normalise: False, now True), and this one cannot",
        ),
        (
            ["--frontend_options", "{frame: 256, hop: 64, compression: 0.3}"],
            "(frontend_options compression: 1.0, now 0.3)",
        ),
        (
            ["--conditioner", "concat"],
            "(conditioner: film, now concat); give the recipe its settings: --conditioner film\n",
        ),
        (["--speaker_encoder_options", "{hidden: 7, layers: 1}"], "do not fit"),
        (["--start", "nothing"], "start: nothing: no such bundle folder; give"),
        (["--start", "defualt"], "did you mean 'default'"),
    ],
)
def test_another_network_is_refused_by_what_differs(project, capsys, words, said):
    assert make(project, "refused", "--start", str(project / "first"), *words) == 2
    assert said in capsys.readouterr().err
    assert not (project / "refused").exists()


def test_a_wider_network_begins_as_what_the_narrower_learnt_and_learns_more(project, caplog):
    caplog.set_level("INFO", "pse_plugins.training.start")
    wider = ("--start", str(project / "first"), "--backbone_options", "{hidden: 12}")
    assert make(project, "wider", *wider, "--lr", "1e-12") == 0
    assert "the network grows from that of" in caplog.text
    first, wide = (bundle.load(project / name / "bundle") for name in ("first", "wider"))
    assert wide.state_dict()["backbone.rnns.0.weight_hh_l0"].shape == (36, 12)
    voice, mixture = torch.randn(1, 1, 16000) / 10, torch.randn(1, 16000) / 10
    cue = {"enrolment": voice, "enrolment_lengths": torch.tensor([[16000]])}
    said = [network(mixture, **cue).mask for network in (first, wide)]
    torch.testing.assert_close(*said, atol=1e-4, rtol=0)
    assert make(project, "learnt", *wider, "--lr", "0.01") == 0
    head = weights(project / "learnt")["backbone.head.weight"]
    assert wide.state_dict()["backbone.head.weight"][:, 8:].abs().max() < 1e-6 < head[:, 8:].abs().max()
    with pytest.raises(ConfigError, match="hidden: 8, now 12"):
        ship([project / "first" / "bundle", project / "wider" / "bundle"], project / "mean")


def test_a_training_that_its_minutes_end_says_after_how_many_steps(project, caplog):
    caplog.set_level("INFO", "pse_plugins.training.fitting")
    words = ("--max_minutes", "1e-6", "--number_of_epochs", "50")
    assert make(project, "short", *words) == 0
    assert re.search(r"max_minutes: after 1 of \d\d+ steps", caplog.text)


def test_another_hop_is_learnt_from_the_same_weights_at_a_scale_of_its_own(project, caplog, tmp_path):
    caplog.set_level("INFO", "pse_plugins.training.start")
    words = ("--start", str(project / "first"), "--lr", "1e-12")
    assert (
        make(project, "faster", *words, "--frontend_options", "{frame: 256, hop: 32, synthesis_frame: 64}")
        == 0
    )
    assert "other hops or windows than those of" in (said := caplog.text)
    assert "frontend_options hop: 64, now 32; frontend_options synthesis_frame: 256, now 64" in said
    first, faster = weights(project / "first"), weights(project / "faster")
    for name, value in first.items():
        assert torch.allclose(value, faster[name]) != name.startswith("frontend."), name
    first["backbone.head.weight"] += 3.0
    moved = bundle.load(project / "first" / "bundle")
    moved.load_state_dict(first)
    bundle.save(moved, tmp_path / "moved")
    ship([tmp_path / "moved", *[project / "faster" / "bundle"] * 2], tmp_path / "mean")
    mean = bundle.load(tmp_path / "mean")
    assert (mean.frontend.hop, mean.frontend.latency) == (32, 64)
    for name, value in mean.state_dict().items():
        wanted = faster[name] + (1.0 if name == "backbone.head.weight" else 0.0)
        torch.testing.assert_close(value, wanted, rtol=1e-3, atol=2e-3, msg=name)


def test_default_is_the_model_that_is_used_when_none_is_named(project, monkeypatch, capsys):
    monkeypatch.setenv("PSE_MODEL", str(project / "first"))
    assert make(project, "by-name", "--start", "default", "--lr", "1e-12") == 0
    torch.testing.assert_close(weights(project / "by-name"), weights(project / "first"))


def test_the_licence_of_what_it_started_from_is_kept(project):
    first = bundle.load(project / "first")
    bundle.save(first, project / "licensed", licence="CC BY 4.0; speaker encoder's weights: ours")
    assert make(project, "third", "--start", str(project / "licensed"), "--licence", "my voice") == 0
    assert make(project, "fourth", "--start", str(project / "third"), "--licence", "my voice") == 0
    for again in ("third", "fourth"):  # once each, however often
        record = bundle.describe(project / again / "bundle")["record"]
        assert record["licence"] == "my voice; CC BY 4.0; speaker encoder's weights: ours", again


def test_of_several_bundles_the_mean_is_shipped(project, tmp_path):
    assert make(project, "on", "--start", str(project / "first"), "--lr", "0.1") == 0
    runs = [project / name / "bundle" for name in ("first", "on")]
    ship(runs, tmp_path / "mean")
    first, on, mean = (bundle.load(path).state_dict() for path in (*runs, tmp_path / "mean"))
    assert not torch.allclose(first["backbone.head.weight"], on["backbone.head.weight"], atol=1e-2)
    for name, value in mean.items():
        torch.testing.assert_close(value, (first[name] + on[name]) / 2, rtol=1e-3, atol=1e-3, msg=name)
    record = bundle.describe(tmp_path / "mean")["record"]
    assert record["mean_of"] == 2 and record["start"] == str(project / "first")
    ship(runs[:1], tmp_path / "one")
    assert "mean_of" not in bundle.describe(tmp_path / "one")["record"]
    with pytest.raises(ConfigError, match="name the bundle to ship"):
        ship([], tmp_path / "none")
