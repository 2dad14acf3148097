import json
from dataclasses import replace

import pytest
from evaluation_rig import Items, Repeater, a_list
from test_evaluate import Ranks
from test_report import Page
from word_rig import ears, saying  # noqa: F401 - a fixture

from pse_plugins.errors import ComponentError, ConfigError
from pse_plugins.evaluation import evaluate, recognition
from pse_plugins.evaluation.tables import comparison_table, condition_tables, markdown
from pse_plugins.evaluation.word_tables import word_tables

pytest.importorskip("jiwer", reason='pip install "pse-plugins[wer]"')
FAST = ("si-sdr-improvement", "si-sdr")


def listen(items, out=None, model=None, **options):
    return evaluate(
        model or Repeater(), items, out, metrics=FAST, **{"recogniser": "pitch", "samples": 0, **options}
    )


def wer(results, system, scenario=None, model="model"):
    return results.words.rate(results.words.pick(model, system, scenario))


@pytest.mark.usefixtures("ears")
def test_each_row_and_the_clean_target_have_their_rates():
    found = listen(saying())
    words = found.words
    assert words.rows() == [*found.rows(), ("", "clean target")]
    means = {system: wer(found, system).mean for _, system in words.rows() if system != "oracle mask"}
    assert means == {"mixture": 50, "wrong enrolment": 100, "right enrolment": 0, "clean target": 0}
    wrong = words.pick("model", "wrong enrolment", "babble")
    assert len(wrong) == 3
    kinds = [words.rate(wrong, kind).mean for kind in ("substitutions", "deletions", "insertions")]
    assert kinds == [50, 50, 0]  # HIGH HIGH for LOW LOW LOW LOW
    right, mixture = words.pick("model", "right enrolment"), words.pick("model", "mixture")
    assert words.difference(right, mixture).mean == -50
    assert (words.items, len(words.references), words.skipped) == (6, 6, [])


@pytest.mark.usefixtures("ears")
def test_scores_are_the_same_with_and_without_a_recogniser():
    with_words, without = listen(saying()), listen(saying(), recogniser=None)
    assert with_words.scores == without.scores and without.words is None
    assert comparison_table(without).head == [h for h in comparison_table(with_words).head if h != "WER (%)"]
    assert not word_tables(without)


@pytest.mark.usefixtures("ears")
def test_options_reach_the_recogniser_and_are_written_down(tmp_path):
    found = listen(saying(), tmp_path, recogniser_options={"word": "slow"})
    assert wer(found, "right enrolment").mean == wer(found, "clean target").mean == 25
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["words"]["recogniser"] == {
        "name": "pitch",
        "options": {"word": "slow"},
        "provider": "pse-fake-ears 0.1",
        "remark": "",
    }
    assert content["about"]["versions"]["jiwer"]


@pytest.mark.usefixtures("ears")
def test_everything_is_in_the_three_files(tmp_path):
    found = listen(saying(), tmp_path, samples=1)
    content = json.loads((tmp_path / "results.json").read_text())
    entry = next(
        e
        for e in content["words"]["summary"]
        if (e["system"], e["scenario"]) == ("wrong enrolment", "babble")
    )
    assert (entry["wer"]["mean"], entry["substitutions"]["mean"], entry["deletions"]["mean"]) == (100, 50, 50)
    assert (entry["over_clean"]["mean"], entry["over_mixture"]["mean"], entry["words"]) == (100, 50, 12)
    item = content["words"]["items"][0]
    assert (item["text"], item["errors"]["words"]) == ("LOW HIGH LOW", 4)
    assert content["words"]["references"]["ambient-0000"] == "LOW LOW LOW LOW"
    text = (tmp_path / "results.md").read_text()
    assert (
        "**babble: word errors**" in text
        and "| wrong enrolment | 100.0 | 50.0 | 50.0 | 0.0 | +100.0 | +50.0 | 3 |" in text
    )
    assert "heard by pitch (pse-fake-ears 0.1); all errors over all words" in text
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    shown = " ".join(page.texts)
    assert not page.open and "Said: LOW LOW LOW LOW" in shown and "HIGH HIGH" in shown
    for table in word_tables(found):
        assert table.title in shown and all(
            cell.partition(" [")[0] in shown for row in table.rows for cell in row
        )


@pytest.mark.usefixtures("ears")
def test_items_without_a_transcript_are_left_out_and_counted():
    items = saying()
    items[0], items[3] = replace(items[0], words=""), replace(items[3], words=" - ")
    found = listen(items)
    assert wer(found, "mixture").count == 4 and wer(found, "mixture").mean == 50
    assert "2 of 6 items have no transcript and are left out" in markdown(found)


@pytest.mark.usefixtures("ears")
def test_without_any_transcript_the_columns_say_so_and_the_rest_goes_on():
    found = listen(a_list())
    for table in condition_tables(found):
        at = table.head.index("WER (%)")
        assert {row[at] for row in table.rows} == {"no transcript"}
    assert {row[4] for row in comparison_table(found).rows} == {"no transcript"}
    assert not word_tables(found) and "6 of 6 items have no transcript" in markdown(found)
    assert "test-list --whole" in markdown(found)
    assert found.mean("si-sdr", found.pick("model", "right enrolment")).count == 6


@pytest.mark.usefixtures("ears")
def test_a_recogniser_that_fails_on_an_item_is_skipped_there():
    found = listen(saying(), recogniser_options={"moody": True})
    e = wer(found, "wrong enrolment")
    assert (e.count, e.skipped) == (0, 6) and e.mean != e.mean
    assert wer(found, "right enrolment").mean == 0 and len(found.words.skipped) == 6
    row = next(row for row in word_tables(found)[0].rows if row[0] == "wrong enrolment")
    assert row[1:] == ["-"] * 6 + ["3 (3 skipped)"]
    assert (
        "6 of 30 transcripts; the first, ambient-0000 of the wrong enrolment: MemoryError: not that voice"
        in (markdown(found))
    )


def test_what_is_no_text_or_no_sound_is_skipped(monkeypatch):
    import numpy as np

    monkeypatch.setattr(recognition, "_build", lambda name, options: lambda samples, rate: ["LOW"])
    listener = recognition.Listener("r", "{}", "p 1")
    assert recognition.transcribe(listener, np.zeros(9), 8000) == ("", "it gave a list, not text")
    assert recognition.transcribe(listener, np.full(9, np.nan), 8000)[1].startswith("the estimate holds NaN")


@pytest.mark.parametrize("missing", ["recogniser", "jiwer", "plugin"])
@pytest.mark.usefixtures("ears")
def test_a_missing_package_costs_the_word_rates_only(missing, monkeypatch, install, tmp_path):
    name = "pitch"
    if missing == "jiwer":
        find = recognition.importlib.util.find_spec
        monkeypatch.setattr(
            recognition.importlib.util, "find_spec", lambda name: None if name == "jiwer" else find(name)
        )
    elif missing == "recogniser":
        from pse_plugins.recognisers.pocketsphinx import REMEDY, Pocketsphinx

        name = "pocketsphinx"
        monkeypatch.setattr(Pocketsphinx, "available", staticmethod(lambda: REMEDY))
    else:
        name = "deaf"
        install(
            "pse-fake-deaf",
            "from pse_plugins import Component, hookimpl\n@hookimpl\ndef pse_recognisers():\n"
            "    yield Component('deaf', 'pse_fake_deaf:Deaf', '')\n"
            "class Deaf:\n    def __init__(self):\n        import no_such_package\n",
        )
    found = listen(saying(), tmp_path, recogniser=name)
    text = (tmp_path / "results.md").read_text()
    said = {"jiwer": "jiwer is not", "recogniser": "pocketsphinx is not", "plugin": "deaf: No module"}[
        missing
    ]
    assert f"WER: {said}" in text and "not installed" in text
    assert found.mean("si-sdr", found.pick("model", "right enrolment")).count == 6
    assert "WER (%)" in (tmp_path / "report.html").read_text() and not found.words.heard
    assert json.loads((tmp_path / "results.json").read_text())["words"]["recogniser"]["remark"]


@pytest.mark.usefixtures("ears")
def test_the_users_mistakes_are_said_before_the_work():
    with pytest.raises(ComponentError, match="did you mean 'pitch'"):
        listen(saying(), recogniser="pich")
    with pytest.raises(ComponentError, match="did you mean 'word'"):
        listen(saying(), recogniser_options={"wrod": "x"})
    with pytest.raises(ConfigError, match="without a recogniser"):
        listen(saying(), recogniser=None, recogniser_options={"word": "x"})
    with pytest.raises(ConfigError, match="needs a TorchScript file"):
        listen(saying(), recogniser="silero")


@pytest.mark.usefixtures("ears")
def test_several_models_share_the_mixture_and_the_clean_target():
    found = listen(saying(), model={"a": Repeater(), "b": Repeater()})
    assert found.words.rows()[-2:] == [("", "oracle mask"), ("", "clean target")]
    assert wer(found, "mixture", model="a") == wer(found, "mixture", model="b")
    names = [row[0] for row in word_tables(found)[0].rows]
    assert "b: right enrolment" in names and names[-1] == "clean target"
    alone = listen(saying(), rows=["right enrolment"])
    assert alone.words.rows() == [("model", "right enrolment"), ("", "clean target")]
    assert word_tables(alone)[0].rows[0][5:7] == ["0.0", "-"]  # over clean, over a mixture that is not there


@pytest.mark.usefixtures("ears")
def test_ranks_share_what_is_heard(monkeypatch):
    items = saying(7)
    items[2] = replace(items[2], words="")
    here = listen(items).words
    first, second = Ranks(monkeypatch).run(lambda rank: listen(Items(items)))
    monkeypatch.undo()
    assert first.words.heard == second.words.heard == here.heard
    assert first.words.references == here.references and first.words.items == 7


def test_a_weak_recogniser_is_called_weak():
    from test_words import heard, rates

    from pse_plugins.evaluation import Results
    from pse_plugins.evaluation.word_rates import CLEAN
    from pse_plugins.evaluation.word_tables import word_notes

    strong, weak = heard(CLEAN, [(10, 1, 0, 0)]), heard(CLEAN, [(10, 6, 0, 0)])
    told = [" ".join(word_notes(Results([], {}, [], words=rates(row)))) for row in (strong, weak)]
    assert (
        "weak" not in told[0]
        and "a weak recogniser, 60 % of the words are wrong even of the clean" in told[1]
    )
