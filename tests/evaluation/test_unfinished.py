"""An evaluation that is stopped goes on where it was, and takes nothing that was scored otherwise."""

from __future__ import annotations

import pytest
import torch
from evaluation_rig import Items, Repeater, a_list
from word_rig import ears, saying  # noqa: F401 - a fixture

from pse_plugins.evaluation import evaluate

FAST = ("si-sdr-improvement", "si-sdr")


class Stopped(KeyboardInterrupt):
    """The user's Ctrl-C."""


def stop_after(count, folder, items=None, **options):
    """Begin an evaluation, and stop it after so many items."""

    def stop(done, total):
        if done == count:
            raise Stopped

    with pytest.raises(Stopped):
        evaluate(Repeater(), items or a_list(), folder, metrics=FAST, samples=0, progress=stop, **options)


def go_on(folder, model=None, items=None, metrics=FAST):
    """Start again; gives the results, the progress that was told, and how many mixtures were enhanced."""
    told, model = [], model or Repeater()
    results = evaluate(
        model, items or a_list(), folder, metrics=metrics, samples=0, progress=lambda *at: told.append(at)
    )
    return results, told, len(model.batches)


def test_it_goes_on_where_it_was_stopped_with_the_same_scores(tmp_path):
    whole, _, all_batches = go_on(tmp_path / "whole")
    stop_after(4, tmp_path / "out")
    results, told, batches = go_on(tmp_path / "out")
    assert told == [(4, 6), (5, 6), (6, 6)] and batches == all_batches // 3
    assert results.scores == whole.scores
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "report.html",
        "results.json",
        "results.md",
    ]


def test_a_line_that_was_cut_off_is_scored_again(tmp_path):
    stop_after(3, tmp_path)
    kept = tmp_path / "unfinished-0.jsonl"
    kept.write_text(kept.read_text()[:-40])
    results, told, _ = go_on(tmp_path)
    assert told[0] == (2, 6) and len(results.pick("model", "mixture")) == 6


def other_weights():
    model = Repeater()
    with torch.no_grad():
        model.scale.add_(1)
    return model


@pytest.mark.parametrize(
    "now",
    [
        {"model": other_weights()},
        {"items": Items(reversed(a_list()))},
        {"metrics": ("si-sdr",)},
    ],
)
def test_what_was_scored_otherwise_is_not_taken(tmp_path, now):
    stop_after(4, tmp_path)
    _, told, _ = go_on(tmp_path, **now)
    assert told[0] == (1, 6)


@pytest.mark.usefixtures("ears")
def test_what_was_heard_is_kept_too(tmp_path):
    pytest.importorskip("jiwer", reason='pip install "pse-plugins[wer]"')
    options = {"metrics": FAST, "samples": 0, "recogniser": "pitch"}
    whole = evaluate(Repeater(), saying(), tmp_path / "whole", **options)
    stop_after(4, tmp_path / "out", saying(), recogniser="pitch")
    again = evaluate(Repeater(), saying(), tmp_path / "out", **options)
    assert again.words.heard == whole.words.heard and len(again.words.heard) == 30
    assert again.words.references == whole.words.references
