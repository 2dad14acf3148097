"""Other enrolments are rows like any other, and are what their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_rig import RATE, Repeater, a_list, mixture, tone
from matplotlib.figure import Figure

from pse_plugins.errors import ConfigError, DataError
from pse_plugins.evaluation import evaluate
from pse_plugins.evaluation.enrolment import CHANGES, enrolled
from pse_plugins.evaluation.enrolment_figure import draw_enrolments
from pse_plugins.evaluation.results import SYSTEMS, Results, Score

ITEM = replace(mixture(0), enrolment=[tone(120, k, 2.0) for k in range(3)])


def power(x, low, high):
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    bins = np.fft.rfftfreq(x.size, 1 / RATE)
    return spectrum[(bins >= low) & (bins < high)].sum() / spectrum.sum()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_the_same_every_time_leaves_the_item_alone_and_is_finite(name):
    before = [clip.copy() for clip in ITEM.enrolment]
    made, again = enrolled(ITEM, name, RATE), enrolled(ITEM, name, RATE)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.float32 and np.isfinite(one).all() and 0 < np.abs(one).max() <= 1
    assert any(x.shape != y.shape or not np.array_equal(x, y) for x, y in zip(made, before))
    for clip, kept in zip(ITEM.enrolment, before):
        np.testing.assert_array_equal(clip, kept)


@pytest.mark.parametrize("name", [n for n in CHANGES if n != "five of one"])
def test_lengths_are_kept(name):
    assert [x.size for x in enrolled(ITEM, name, RATE)] == [x.size for x in ITEM.enrolment]


def test_a_telephone_passes_its_band_only():
    wide = replace(ITEM, enrolment=[0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)])
    heard = enrolled(wide, "telephone", RATE)[0]
    assert power(heard, 400, 3300) > 0.9 > power(wide.enrolment[0], 400, 3300)


def test_shuffled_has_the_same_samples_in_another_order():
    clip, made = ITEM.enrolment[0], enrolled(ITEM, "shuffled", RATE)[0]
    np.testing.assert_array_equal(np.sort(clip), np.sort(made))


def test_noise_is_10_db_below_the_voice():
    clip, made = ITEM.enrolment[0], enrolled(ITEM, "noisy", RATE)[0]
    ratio = 10 * np.log10(np.square(clip).mean() / np.square(made - clip).mean())
    assert ratio == pytest.approx(10, abs=1.5)  # over the active parts


def test_a_room_rings_on():
    click = replace(ITEM, enrolment=[np.eye(1, RATE, 100, dtype=np.float32)[0]])
    made = enrolled(click, "room", RATE)[0]
    assert np.abs(made[:100]).max() < 1e-6 and np.abs(made[100]) == np.abs(made).max()
    assert np.square(made[1000:2000]).sum() > 10 * np.square(made[2500:3500]).sum() > 0


def test_fewer_and_shorter():
    assert [x.size for x in enrolled(ITEM, "2 clips", RATE)] == 2 * [2 * RATE]
    assert [x.size for x in enrolled(ITEM, "0.5 s", RATE)] == 3 * [RATE // 2]
    five = enrolled(ITEM, "five of one", RATE)
    assert len(five) == 5 and five[1].size > five[0].size > five[2].size
    np.testing.assert_array_equal(five[0], ITEM.enrolment[0])
    with pytest.raises(DataError, match="3 enrolment clips, not 5"):
        enrolled(ITEM, "5 clips", RATE)
    with pytest.raises(DataError, match="clips of 2 s, not 3 s"):
        enrolled(ITEM, "3 s", RATE)


def test_they_are_rows_of_an_evaluation():
    rows = [*SYSTEMS, "enrolment: telephone", "enrolment: 1 clip"]
    found = evaluate(
        {"model": Repeater(), "none": Repeater(needs_cue=False)}, a_list(2), rows=rows, metrics=["si-sdr"]
    )
    own = ["wrong enrolment", "right enrolment", "enrolment: telephone", "enrolment: 1 clip"]
    assert [row for row in found.rows() if row[0]] == [
        *(("model", system) for system in own),
        ("none", "enhanced"),
    ]

    def mean(system):
        return found.mean("si-sdr", found.pick("model", system)).mean

    assert mean("enrolment: 1 clip") == mean("right enrolment") > mean("enrolment: telephone")
    assert found.system("model") == "right enrolment"


def test_an_unknown_one_is_said():
    with pytest.raises(ConfigError, match="no enrolment 'telefone'; did you mean 'telephone'"):
        evaluate(Repeater(), a_list(2), rows=["enrolment: telefone"])


def row(system, gain):
    return [
        Score("m", system, f"{scenario}-{i}", scenario, f"s{i}", 0.0, {"si-sdr-improvement": gain + i})
        for scenario in ("ambient", "babble", "clean")
        for i in range(6)
    ]


def test_amounts_are_drawn_where_there_are_two_of_a_kind(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    rows = {
        "right enrolment": 3.0,
        "enrolment: 1 clip": 1.0,
        "enrolment: 2 clips": 2.0,
        "enrolment: 1 s": 0.0,
    }
    scores = [score for name, gain in rows.items() for score in row(name, gain)]
    results = Results(scores, {"si-sdr-improvement": "dB"}, ["m"])
    assert draw_enrolments(results, tmp_path / "a.png") == tmp_path / "a.png"
    ambient, babble = drawn[0].axes
    assert [axes.get_ylabel().split(":")[0] for axes in drawn[0].axes] == ["ambient", "babble"]
    assert babble.get_xlabel() == "clips that enrol"
    for axes in (ambient, babble):
        assert {line.get_label(): line.get_xydata().tolist() for line in axes.lines}["m"] == [
            [1, 3.5],
            [2, 4.5],
        ]
    clean = Results([score for score in scores if score.scenario == "clean"], results.metrics, ["m"])
    assert draw_enrolments(clean, tmp_path / "c.png") is None
    few = Results(row("right enrolment", 3.0) + row("enrolment: 1 s", 1.0), results.metrics, ["m"])
    assert draw_enrolments(few, tmp_path / "b.png") is None and len(drawn) == 1
