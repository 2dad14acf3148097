"""A table's rows are trained once for each seed, and laid side by side with what is certain."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from scipy.stats import ttest_ind
from tone_corpus import RECIPE, write_corpus

from pse_plugins.cli import run as pse
from pse_plugins.errors import DataError
from pse_plugins.evaluation.comparison import MIXTURE, Trained, check_one_list, comparison, read_row
from pse_plugins.evaluation.kept import join, recall

TABLE = """
task: comparison
data_folder: !PLACEHOLDER
noise_folder: !PLACEHOLDER
output_folder: !PLACEHOLDER
seeds: [1, 2]
reference: film
only: null
stages: null
settings: {data_folder: !ref <data_folder>, noise_folder: !ref <noise_folder>}
rows: {film: row.yaml, concat: rows/concat.yaml, none: rows/none.yaml}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Eight 'speakers' (harmonic tones), noises, three rows; the table has been made once."""
    folder = tmp_path_factory.mktemp("comparison")
    write_corpus(folder, lambda speaker: 1, seconds=4.0, noises=6)
    (folder / "rows").mkdir()
    (folder / "row.yaml").write_text(RECIPE)
    (folder / "rows" / "concat.yaml").write_text("base: ../row.yaml\nconditioner: concat\n")
    (folder / "rows" / "none.yaml").write_text("base: ../row.yaml\nconditioner: null\n")
    (folder / "table.yaml").write_text(TABLE)
    assert make(folder) == 0
    return folder


def make(folder, *words):
    given = [
        "--data_folder",
        folder / "speech",
        "--noise_folder",
        folder / "noise",
        "--output_folder",
        folder / "out",
    ]
    return pse(["train", str(folder / "table.yaml"), *map(str, given), *words])


def cells(folder, output="out"):
    lines = (folder / output / "table.md").read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]


def test_every_row_is_there_for_every_condition_with_its_cost(project):
    table = cells(project)
    rows = [row[0] for row in table if row[0] not in ("row", "---")]
    assert rows == 2 * [MIXTURE, "film", "concat", "none"]
    head, mixture, film, concat, none = table[0], *table[2:6]
    place = head.index
    assert float(film[place("M")]) > 0 and float(film[place("RTF")]) > 0
    assert film[place("sd")].endswith("(2)"), "two seeds"
    assert film[place("SI-SDRi above")] == film[place("p (SDR)")] == ""
    for name in ("SI-SDRi", "SDR"):
        assert 0 <= float(concat[place(f"p ({name})")]) <= 1 and "[" in concat[place(f"{name} above")]
    assert film[place("right over wrong")] != "-" and none[place("right over wrong")] == "-"
    assert mixture[place("SI-SDRi (dB)")] == "0.00" and float(mixture[place("STOI")].partition(" ")[0]) > 0
    assert not any(mixture[place("sd") :])


def test_each_table_says_what_it_rests_on_and_the_key_stands_once(project):
    text = (project / "out" / "table.md").read_text()
    for table in text.split("; reference: ")[1:]:
        assert "2 items of " in table and "items (there are few speakers) drawn again" in table
        for column in table.splitlines()[2].split("|")[1:-1]:
            name = column.strip().removesuffix(" (dB)")
            explained = re.findall(rf"(?:^- |[;.,] ){re.escape(name)}[:,]", text, re.MULTILINE)
            assert name == "row" or len(explained) == 1, name


def test_the_table_alone_needs_no_data(project, capsys):
    words = ["train", str(project / "table.yaml"), "--output_folder", str(project / "out")]
    assert pse([*words, "--stages", "[table]"]) == 0
    assert pse(words) == 2
    assert "data_folder, noise_folder must be given" in capsys.readouterr().err


def test_the_course_of_each_training_is_kept_as_its_log_has_it(project):
    log = (project / "out" / "film" / "2" / "train_log.txt").read_text()
    course = recall(project / "out" / "film" / "scores.json").course
    assert set(course) == {1, 2} and len(course[2]["ambient"]) == log.count("epoch: ") == 1
    for name, (value,) in course[2].items():
        assert f"{name}: {value:.{2 if name == 'minutes' else 3}f}" in log
    assert {"ambient", "babble", "minutes"} <= set(course[2]) and "lr" not in course[2]


def test_competitors_of_the_targets_gender_have_a_table_of_their_own():
    babble = [
        {
            "id": str(i),
            "scenario": "babble",
            "speaker": "s",
            "values": {"si-sdr-improvement": float(i)},
            "competitor": who,
        }
        for i, who in enumerate(["same gender", "other gender", "same gender", ""])
    ]
    row = Trained("base", {1: babble})
    assert row.values("si-sdr-improvement", "babble")[0].tolist() == [[0.0, 1.0, 2.0, 3.0]]
    assert row.values("si-sdr-improvement", "babble, same gender")[0].tolist() == [[0.0, 2.0]]


def test_what_is_there_is_not_trained_again(project):
    results = sorted((project / "out").glob("*/*/evaluation/results.json"))
    assert len(results) == 6
    before = [path.stat().st_mtime_ns for path in results]
    (project / "out" / "table.md").unlink()
    assert make(project) == 0
    assert [path.stat().st_mtime_ns for path in results] == before
    assert (project / "out" / "table.md").is_file()


def test_the_table_is_of_all_rows_whatever_is_trained_and_names_what_is_missing(project):
    rows = "{film: row.yaml, concat: rows/concat.yaml, none: rows/none.yaml, late: row.yaml}"
    assert make(project, "--only", "[concat]", "--rows", rows, "--seeds", "[1, 3]", "--stages", "table") == 0
    text = (project / "out" / "table.md").read_text()
    assert [row[0] for row in cells(project)][2:6] == [MIXTURE, "film", "concat", "none"]
    assert "no results yet: late" in text and "film lacks seed 3\n" in text, "seed 2 has results, and counts"
    assert cells(project)[3][cells(project)[0].index("sd")].endswith("(2)")


def test_kept_scores_stand_for_trainings_that_are_gone(project, tmp_path, capsys, caplog):
    assert make(project, "--stages", "[table]") == 0
    for path in (project / "out").glob("*/scores.json"):
        copy = tmp_path / path.relative_to(project / "out")
        copy.parent.mkdir()
        shutil.copy(path, copy)
    words = ["--output_folder", str(tmp_path)]
    with caplog.at_level("INFO"):
        assert make(project, *words) == 0
    assert not list(tmp_path.glob("*/*/")), "nothing was trained again"
    assert f"row film, seed 1 has scores in {tmp_path / 'film'}: not trained again" in caplog.text
    for name in ("table.md", "table.png", "courses.png"):
        assert (tmp_path / name).read_bytes() == (project / "out" / name).read_bytes(), name
    assert make(project, *words, "--only", "film", "--seeds", "[3]") == 0
    assert {path.parts[-3] for path in tmp_path.glob("*/*/evaluation/results.json")} == {"3"}
    head, _, _, film, *_ = cells(tmp_path.parent, tmp_path.name)
    assert film[head.index("sd")].endswith("(3)"), "two seeds that were kept, and the new one"
    (tmp_path / "film" / "scores.json").write_text("[1]")
    assert make(project, *words) == 2
    assert "scores.json: not the scores of a row; remove it" in capsys.readouterr().err


def test_rows_of_other_settings_are_not_shown_as_these(project, tmp_path, capsys):
    shutil.copytree(project / "out" / "film", tmp_path / "film")
    words = ["--output_folder", str(tmp_path), "--only", "[film]", "--seeds", "[1]", "--settings"]
    for gone in (False, True):
        for setting, said in (
            ("lr: 0.5", "opt_class.lr: 0.001, now 0.5"),
            ("number_of_epochs: 3", "number_of_epochs: 1, now 3"),
        ):
            assert make(project, *words, f"{{{setting}}}") == 2
            err = capsys.readouterr().err
            assert "film, seed 1: was trained by other settings" in err and said in err
            assert f"remove {tmp_path / 'film' / '1'} and {tmp_path / 'film' / 'scores.json'} to train" in err
        assert make(project, *words, "{precision: bf16}") == 0, "how it is trained may differ"
        if not gone:
            shutil.rmtree(tmp_path / "film" / "1")


def test_a_row_that_fails_is_named_and_the_others_go_on(project, capsys):
    (project / "rows" / "broken.yaml").write_text("base: ../row.yaml\nconditioner: flim\n")
    words = ["--rows", "{broken: rows/broken.yaml, film: row.yaml}", "--seeds", "[1]"]
    assert make(project, *words) == 2
    said = capsys.readouterr().err
    assert "1 of " in said and "broken, seed 1" in said and "did you mean 'film'" in said
    assert "film" in [row[0] for row in cells(project)]


def test_where_all_rows_fail_it_is_said_why(project, capsys):
    (project / "rows" / "broken.yaml").write_text("base: ../row.yaml\nconditioner: flim\n")
    assert (
        make(project, "--rows", "{broken: rows/broken.yaml}", "--only", "[broken]", "--reference", "broken")
        == 2
    )
    assert "broken, seed 1: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "[flim]"], "no row 'flim'; did you mean 'film'"),
        (["--only", "flim"], "no row 'flim'; did you mean 'film'"),
        (["--reference", "fil"], "no row 'fil'"),
        (["--rows", "{x: rows/x.yaml}", "--reference", "x"], "row x: no recipe"),
        (["--stages", "[table]", "--output_folder", "nothing"], "no row has results yet"),
        (["--stages", "[tabel]"], "no stage 'tabel'; did you mean 'table'"),
        (["--seeds", "1"], "seeds"),
    ],
)
def test_mistakes(project, capsys, words, said):
    assert make(project, *words) == 2
    assert said in capsys.readouterr().err


def items(gains, ids=None):
    speakers = [f"s{i % 6}" for i in range(len(gains))]
    return [
        {"id": str(i), "scenario": "ambient", "speaker": s, "values": {"si-sdr-improvement": g, "sdr": None}}
        for i, s, g in zip(ids or range(len(gains)), speakers, gains, strict=True)
    ]


def test_figures_are_those_worked_out_by_hand():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(5, 1, (3, 12)), rng.normal(4, 1, (3, 12))
    rows = [
        Trained("base", {seed: items(theirs[seed]) for seed in range(3)}),
        Trained("new", {seed: items(ours[seed]) for seed in range(3)}),
    ]
    table = comparison(rows, "ambient", "base")
    new = dict(zip(table.head, table.rows[1]))
    assert new["SI-SDRi (dB)"].startswith(f"{ours.mean():.2f} [")
    assert new["sd"] == f"{ours.mean(1).std(ddof=1):.2f} (3)"
    assert new["SI-SDRi above"].startswith(f"{(ours - theirs).mean():+.2f} [")
    test = ttest_ind(ours.mean(1), theirs.mean(1), equal_var=False, alternative="greater")
    assert new["p (SI-SDRi)"] == f"{test.pvalue:.3f}"
    assert "SDR (dB)" not in table.head, "nothing was scored by it"


def test_rows_of_different_lists_are_not_compared():
    rows = [Trained("a", {1: items([1.0, 2.0])}), Trained("b", {1: items([1.0, 2.0], ids=[5, 6])})]
    with pytest.raises(DataError, match="b, seed 1, was scored on another test list than a"):
        check_one_list(rows)


def test_mixtures_of_one_name_that_sound_different_are_not_compared(tmp_path):
    mixtures = items([0.0, 0.0])
    others = json.loads(json.dumps(mixtures))
    for one, ratio in zip((*mixtures, *others), (3.0, 4.0, 3.0, 4.5), strict=True):
        one["values"]["sdr"] = ratio
    a, b = Trained("a", {1: mixtures}, mixture=mixtures), Trained("b", {1: others}, mixture=others)
    with pytest.raises(
        DataError, match="b was scored on another test list than a; give all rows one test_seed"
    ):
        check_one_list([a, b])
    check_one_list([a, Trained("b", {1: others})])
    with pytest.raises(DataError, match="b, trained now, was scored on another test list"):
        join(Trained("b", {2: mixtures}, mixture=mixtures), b)
    for seed, heard in ((1, mixtures), (2, others)):
        content = [{**item, "system": system} for item in heard for system in ("mixture", "enhanced")]
        (tmp_path / f"{seed}.json").write_text(json.dumps({"items": content}))
    with pytest.raises(DataError, match="a, seed 2, was scored on another test list than the rest"):
        read_row("a", {seed: tmp_path / f"{seed}.json" for seed in (1, 2)})


def test_results_that_are_none_are_said(project, capsys):
    path = project / "out" / "film" / "1" / "evaluation" / "results.json"
    text = path.read_text()
    path.write_text(json.dumps({"no": "items"}))
    assert make(project, "--stages", "[table]") == 2
    assert "not the results of an evaluation" in capsys.readouterr().err
    path.write_text(text)
