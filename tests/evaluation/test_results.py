import json
import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_rig import results

from pse_plugins.evaluation.results import Results, Score
from pse_plugins.evaluation.tables import (
    comparison_table,
    condition_tables,
    enrolment_table,
    gender_table,
    markdown,
    notes,
    number,
    snr_table,
    speaker_tables,
)

RIGHT, WRONG = "right enrolment", "wrong enrolment"


def film(right=(5.0, 6.0, 7.0), wrong=(1.0, 4.0, 2.0)):
    return results({("", "mixture"): (0.0,) * 3, ("film", WRONG): wrong, ("film", RIGHT): right})


def test_the_margin_is_taken_item_by_item():
    e = film().margin("film", "babble")
    assert e.mean == pytest.approx((4 + 2 + 5) / 3) and e.count == 3
    assert film(right=(5.0, math.nan, 7.0)).margin("film", "babble").skipped == 1
    assert math.isnan(results({("film", "enhanced"): (1.0, 2.0)}).margin("film", None).mean)


def test_bins_hold_every_item_once():
    found = film()  # at -1, 1 and 3 dB
    assert found.bins("babble") == [(-math.inf, 0.0), (0.0, 5.0)]
    per_bin = [found.pick("film", RIGHT, "babble", b) for b in found.bins("babble")]
    assert [[s.snr for s in scores] for scores in per_bin] == [[-1.0], [1.0, 3.0]]
    edge = Score("film", RIGHT, "i", "ambient", "s", 5.0, {})
    on_edge = Results([edge], {}, ["film"])
    assert on_edge.bins() == [(5.0, math.inf)] and on_edge.pick("film", RIGHT, snr=(5.0, math.inf)) == [edge]
    assert not on_edge.pick("film", RIGHT, snr=(0.0, 5.0))


def test_competitors_of_the_targets_gender_are_shown_apart(tmp_path):
    found = film(right=(5.0, 6.0, 10.0))
    assert gender_table(found).rows == [] and "competing speaker" not in markdown(found)
    who = {"babble": ["same gender", "other gender", "same gender"]}
    seen = {}
    for i, score in enumerate(found.scores):
        k = seen[score.system, score.scenario] = seen.get((score.system, score.scenario), -1) + 1
        if score.scenario in who:
            found.scores[i] = replace(score, competitor=who[score.scenario][k])
    table = gender_table(found)
    assert table.head == ["system", "babble: same gender", "babble: other gender"]
    right = next(row for row in table.rows if row[0] == RIGHT)
    assert [cell.split()[0] for cell in right[1:]] == ["7.50", "6.00"]
    assert "by the competing speaker" in markdown(found)
    found.save(tmp_path / "r.json")
    summary = json.loads((tmp_path / "r.json").read_text())["summary"]
    mine = [e for e in summary if e["system"] == RIGHT and e["competitor"] == "same gender"]
    assert [e["si-sdr-improvement"]["mean"] for e in mine] == [7.5]


def test_other_enrolments_are_compared_with_the_lists_own_clips_item_by_item():
    rows = {
        ("", "mixture"): (0.0,) * 3,
        ("film", RIGHT): (5.0, 6.0, 7.0),
        ("film", "enrolment: 1 clip"): (4.0, 6.0, 3.0),
    }
    table = enrolment_table(results(rows))
    (row,) = table.rows
    assert row[0] == "enrolment: 1 clip" and table.head[1:] == results(rows).scenarios
    assert all(cell.startswith("-1.67 [-4.00, 0.00]") for cell in row[1:])
    assert table.title in markdown(results(rows))
    del rows["film", RIGHT]
    assert enrolment_table(results(rows)).rows == []


def test_each_speaker_has_a_row_where_they_are_few(monkeypatch):
    found = film(right=(5.0, 6.0, 10.0))
    (table,) = speaker_tables(found)
    speakers = sorted({s.speaker for s in found.scores})
    assert [row[0] for row in table.rows] == speakers and table.head == ["speaker", *found.scenarios]
    for row in table.rows:
        scores = [s for s in found.pick("film", RIGHT, "babble") if s.speaker == row[0]]
        mean = np.mean([s.values["si-sdr-improvement"] for s in scores])
        assert row[1 + found.scenarios.index("babble")].startswith(f"{mean:.2f}")
    monkeypatch.setattr("pse_plugins.evaluation.tables.MOST_SPEAKERS", len(speakers) - 1)
    assert speaker_tables(found) == [] and "by the target speaker" not in markdown(found)


def test_json_has_everything_and_nothing_that_json_has_not(tmp_path):
    found = film(right=(5.0, math.nan, math.inf))
    found.save(tmp_path / "r.json")

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert content["schema"] == 1 and len(content["items"]) == len(found.scores) == 18
    entry = next(
        e for e in content["summary"] if (e["system"], e["scenario"], e["snr"]) == (RIGHT, "ambient", "all")
    )
    assert (entry["si-sdr-improvement"]["mean"], entry["si-sdr-improvement"]["skipped"]) == (5.0, 2)
    assert {e["snr"] for e in content["summary"]} == {"all", "below 0 dB", "0 to 5 dB"}
    assert content["right_minus_wrong"]["film"]["babble"]["si-sdr-improvement"]["mean"] == 4.0
    assert content["items"][4]["values"]["si-sdr-improvement"] == 4.0


def test_the_first_table_compares_models_within_a_condition():
    rows = {("a", WRONG): (0.0, 0.0), ("a", RIGHT): (2.0, 4.0), ("b", "enhanced"): (0.5, 0.7)}
    table = comparison_table(results(rows))
    assert table.head == ["condition", "model", "SI-SDRi (dB)", "right over wrong", "failures", "items"]
    assert [row[:2] for row in table.rows] == [
        ["ambient", "a"],
        ["ambient", "b"],
        ["babble", "a"],
        ["babble", "b"],
    ]
    assert table.rows[0][2:] == ["3.00 [2.00, 4.00]", "3.00 [2.00, 4.00]", "0 %", "2"]
    assert table.rows[1][2:] == ["0.60 [0.50, 0.70]", "-", "100 %", "2"]


def test_one_table_a_condition_with_its_own_numbers():
    found = film()
    found.scores = [s for s in found.scores if s.scenario == "ambient" or s.id == "babble-0"]
    first, second = condition_tables(found)
    assert first.head == ["system", "SI-SDRi (dB)", "STOI", "failures", "items"]
    assert [row[0] for row in first.rows] == ["mixture", WRONG, RIGHT]
    assert first.rows[2][2].startswith("0.600 [") and first.rows[2][3:] == ["0 %", "3"]
    assert first.rows[0][1] == "0.00" and first.rows[0][3] == "-"
    assert second.rows[2][1:] == ["5.00", "0.500", "0 %", "1"]


def test_clean_items_have_nothing_to_fail_at():
    poor = Score("film", RIGHT, "i", "clean", "s", 30.0, {"si-sdr-improvement": -20.0})
    found = Results([poor], {}, ["film"])
    assert math.isnan(found.failures([poor]))
    assert found.failures([poor, replace(poor, scenario="babble")]) == 1


def test_what_was_skipped_is_printed():
    found = film(right=(5.0, math.nan, 7.0))
    assert condition_tables(found)[0].rows[2][-1] == "3 (1 skipped)"
    broken = Score("film", RIGHT, "i", "ambient", "s", 0.0, {"stoi": math.nan}, {"stoi": "why"})
    assert "1 of 1 scores" in "".join(notes(Results([broken], {"stoi": ""}, ["film"])))


def test_several_models_are_named_in_the_rows():
    table = snr_table(results({("a", RIGHT): (1.0, 2.0), ("b", RIGHT): (3.0, 4.0)}))
    assert [row[0] for row in table.rows] == ["a: right enrolment", "b: right enrolment"]
    assert table.head[1:3] == ["ambient: below 0 dB", "ambient: 0 to 5 dB"]


def test_markdown_has_a_cell_for_every_column():
    lines = [line for line in markdown(film()).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "| **babble**" not in lines and any(
        line.startswith("| right enrolment | 6.00 [") for line in lines
    )
    assert "Simulated mixtures; small test set: 3 items, 3 speakers" in markdown(film())


def test_no_minus_nought():
    from pse_plugins.evaluation.statistics import Estimate

    assert number(Estimate(-0.001, -0.1, 0.1, 3, 0), "sdr") == "0.00 [-0.10, 0.10]"
    assert number(Estimate(np.nan, np.nan, np.nan, 0, 3), "sdr") == "-"
