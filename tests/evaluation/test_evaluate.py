import json
import math
import threading

import pytest
import torch
from evaluation_rig import Items, Repeater, a_list, tone

from pse_plugins.errors import ComponentError, ConfigError, DataError
from pse_plugins.evaluation import evaluate, run, scoring
from pse_plugins.evaluation.systems import oracle

FAST = ("si-sdr-improvement", "si-sdr")


def means(results, model="model"):
    return {s: results.mean("si-sdr", results.pick(model, s)).mean for s in results.systems(model)}


def test_each_row_is_what_it_says():
    found = means(evaluate(Repeater(), a_list(), metrics=FAST))
    assert list(found) == ["mixture", "wrong enrolment", "right enrolment", "oracle mask"]
    assert found["right enrolment"] > 20 > found["mixture"] > 0 > -10 > found["wrong enrolment"]
    assert found["mixture"] + 5 < found["oracle mask"]


def test_who_needs_no_enrolment_has_one_row_for_both():
    results = evaluate(Repeater(needs_cue=False), a_list(), metrics=FAST)
    assert results.systems("model") == ["mixture", "enhanced", "oracle mask"]
    assert results.system("model") == "enhanced"
    assert results.mean("si-sdr-improvement", results.pick("model", "enhanced")).mean == pytest.approx(0)


def test_every_item_is_scored_once_in_order_and_alone():
    items, model = a_list(), Repeater()
    results = evaluate(model, items, metrics=FAST)
    assert [s.id for s in results.pick("model", "right enrolment")] == [item.id for item in items]
    assert set(model.batches) == {1}
    back = evaluate(model, Items(reversed(items)), metrics=FAST)
    values = {(s.id, s.system): s.values for s in results.scores}
    assert {(s.id, s.system): s.values for s in back.scores} == values


def test_what_models_share_is_scored_once():
    results = evaluate({"a": Repeater(), "b": Repeater()}, a_list(), metrics=FAST)
    assert results.rows() == [
        ("", "mixture"),
        ("a", "wrong enrolment"),
        ("a", "right enrolment"),
        ("b", "wrong enrolment"),
        ("b", "right enrolment"),
        ("", "oracle mask"),
    ]
    apart = evaluate({"a": Repeater(), "b": Repeater(frame=128)}, a_list(), metrics=FAST)
    assert [row for row in apart.rows() if row[1] == "oracle mask"] == [
        ("a", "oracle mask"),
        ("b", "oracle mask"),
    ]


def test_only_the_wanted_rows_are_made():
    results = evaluate(Repeater(), a_list(), metrics=FAST, rows=["right enrolment"])
    assert results.rows() == [("model", "right enrolment")]


def test_a_model_comes_back_as_it_was():
    model = Repeater().train()
    evaluate(model, a_list(2), metrics=FAST)
    assert model.training
    with pytest.raises(ZeroDivisionError):
        evaluate(model, a_list(2), metrics=FAST, progress=lambda done, total: 1 // 0)
    assert model.training


def test_a_metric_that_fails_on_an_item_is_skipped_there(monkeypatch):
    class Moody:
        unit, higher_is_better = "dB", True

        def __call__(self, estimate, target, mixture, rate):
            if self.calls() == 2:
                raise ValueError("not today")
            return -math.inf if self.count == 3 else 7.0

        count = 0

        def calls(self):
            type(self).count += 1
            return self.count

    build = scoring._metric
    monkeypatch.setattr(scoring, "_metric", lambda name: Moody() if name == "sdr" else build(name))
    results = evaluate(Repeater(), a_list(), metrics=["sdr", "si-sdr"], rows=["right enrolment"])
    scores = results.pick("model", "right enrolment")
    e = results.mean("sdr", scores)
    assert (e.mean, e.count, e.skipped) == (7.0, 4, 2)
    assert [s.problems.get("sdr") for s in scores[:3]] == [
        None,
        "ValueError: not today",
        "the metric gave -inf",
    ]
    assert results.mean("si-sdr", scores).skipped == 0


def test_an_estimate_that_is_not_finite_has_no_score():
    model = Repeater()
    with torch.no_grad():
        model.embed = lambda enrolment, lengths: enrolment[:, 0] * math.nan
    results = evaluate(model, a_list(2), metrics=FAST)
    e = results.mean("si-sdr", results.pick("model", "right enrolment"))
    assert (e.count, e.skipped) == (0, 2)
    assert math.isnan(results.failures(results.pick("model", "right enrolment")))


def test_a_missing_package_costs_its_metric_only(monkeypatch, tmp_path):
    from pse_plugins.metrics.pesq import Pesq

    monkeypatch.setattr(Pesq, "available", staticmethod(lambda: 'pip install "pse-plugins[eval]"'))
    results = evaluate(Repeater(), a_list(), tmp_path, metrics=["si-sdr", "pesq"], samples=0)
    assert results.remarks == {"pesq": 'pip install "pse-plugins[eval]"'}
    text = (tmp_path / "results.md").read_text()
    assert "not installed" in text and 'PESQ: pip install "pse-plugins[eval]"' in text
    assert "Skipped" not in text  # what was never tried is not counted as skipped
    with pytest.raises(ConfigError, match="nothing to score with.*eval"):
        evaluate(Repeater(), a_list(), metrics=["pesq"])


def test_the_users_mistakes(tmp_path):
    model = Repeater()
    with pytest.raises(ComponentError, match="did you mean 'stoi'"):
        evaluate(model, a_list(), metrics=["stoy"])
    with pytest.raises(ConfigError, match="did you mean 'right enrolment'"):
        evaluate(model, a_list(), rows=["right enrollment"])
    with pytest.raises(ConfigError, match="none of the rows"):
        evaluate(model, a_list(), rows=["enhanced"])
    with pytest.raises(DataError, match="empty"):
        evaluate(model, Items())
    with pytest.raises(ConfigError, match="no model"):
        evaluate({}, a_list())
    with pytest.raises(ConfigError, match="workers"):
        evaluate(model, a_list(), workers=-1)
    items = a_list()
    items.rate = 16000
    with pytest.raises(ConfigError, match="8000 Hz, the test list is at 16000 Hz"):
        evaluate(model, items)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made a folder"):
        evaluate(model, a_list(), tmp_path / "file")


class Ranks:
    """Two ranks as two threads: each sees itself, and they exchange what they found."""

    def __init__(self, monkeypatch):
        self.local, self.barrier, self.board = (
            threading.local(),
            threading.Barrier(2, timeout=20),
            [None, None],
        )
        monkeypatch.setattr(run, "_rank", lambda: (self.local.rank, 2))
        monkeypatch.setattr(torch.distributed, "all_gather_object", self.gather, raising=False)

    def gather(self, into, part):
        self.board[self.local.rank] = part
        self.barrier.wait()
        into[:] = self.board

    def run(self, work):
        answers = [None, None]

        def one(rank):
            self.local.rank = rank
            try:
                answers[rank] = work(rank)
            except Exception as error:
                answers[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


def test_ranks_share_the_work_and_all_get_the_same(monkeypatch, tmp_path):
    done = [[], []]
    first, second = Ranks(monkeypatch).run(
        lambda rank: evaluate(
            Repeater(),
            a_list(7),
            tmp_path / str(rank),
            metrics=FAST,
            progress=lambda *progress: done[rank].append(progress),
        )
    )
    monkeypatch.undo()
    assert first.scores == second.scores == evaluate(Repeater(), a_list(7), metrics=FAST).scores
    assert done == [[(i, 4) for i in (1, 2, 3, 4)], [(i, 3) for i in (1, 2, 3)]]
    assert (tmp_path / "0" / "report.html").exists() and not (tmp_path / "1" / "report.html").exists()


@pytest.mark.parametrize("error, other", [(DataError("gone"), DataError), (KeyError("k"), RuntimeError)])
def test_a_rank_that_fails_does_not_leave_the_others_waiting(monkeypatch, error, other):
    def work(rank):
        items = a_list()
        if rank == 1:
            model = Repeater()

            def fail(*_):
                raise error

            model.embed = fail
            return evaluate(model, items, metrics=FAST)
        return evaluate(Repeater(), items, metrics=FAST)

    first, second = Ranks(monkeypatch).run(work)
    assert second is error and type(first) is other


def test_a_lost_or_repeated_item_is_an_error(monkeypatch):
    monkeypatch.setattr(run, "_rank", lambda: (0, 2))
    repeat = lambda into, part: into.__setitem__(slice(None), [part, part])  # noqa: E731
    monkeypatch.setattr(torch.distributed, "all_gather_object", repeat, raising=False)
    with pytest.raises(RuntimeError, match="exactly once"):
        evaluate(Repeater(), a_list(), metrics=FAST)


def test_what_is_written_down(tmp_path):
    model = Repeater()
    evaluate(model, a_list(), tmp_path, metrics=FAST, samples=0, about={"seed": 17})
    content = json.loads((tmp_path / "results.json").read_text())
    about = content["about"]
    assert (about["list"], about["items"], about["speakers"], about["seed"]) == (Items.checksum, 6, 6, 17)
    assert {"command", "date", "versions", "machine"} <= set(about) and about["versions"]["torch"]
    described = about["models"]["model"]
    assert described["config"] == model.config and described["parameters"] == 1
    with torch.no_grad():
        model.scale.add_(1)
    evaluate(model, a_list(), tmp_path, metrics=FAST, samples=0)
    again = json.loads((tmp_path / "results.json").read_text())
    changed = again["about"]["models"]["model"]
    assert changed["fingerprint"] != described["fingerprint"]  # other weights
    assert changed["config_hash"] == described["config_hash"]
    assert again["items"] == content["items"] and again["summary"] == content["summary"]


@pytest.mark.slow
def test_workers_give_the_same_scores():
    here = evaluate(Repeater(), a_list(), metrics=FAST)
    there = evaluate(Repeater(), a_list(), metrics=FAST, workers=2)
    assert here.scores == there.scores


def test_the_oracle_keeps_the_target_alone_and_whole():
    target = torch.zeros(1, 4000)
    target[:, :2000] = torch.from_numpy(tone(120, 0)[:2000])
    noise = torch.zeros(1, 4000)
    noise[:, 2000:] = torch.randn(2000)
    kept = oracle(Repeater(), target + noise, target)
    inside, outside = (kept - target)[:, :1700], kept[:, 2300:]  # but for the frame between them
    assert inside.abs().max() < 1e-4 and outside.abs().max() < 1e-4
