import numpy as np
import pytest

from pse_plugins.evaluation.recognition import Listener
from pse_plugins.evaluation.statistics import bootstrap, pooled
from pse_plugins.evaluation.word_rates import CLEAN, Heard, WordRates
from pse_plugins.evaluation.words import WordErrors, compare, normalise

pytest.importorskip("jiwer", reason='pip install "pse-plugins[wer]"')


@pytest.mark.parametrize(
    "reference, heard, words, substitutions, deletions, insertions",
    [
        ("THE CAT SAT", "THE CAT SAT", 3, 0, 0, 0),
        ("THE CAT SAT", "THE DOG SAT", 3, 1, 0, 0),
        ("THE CAT SAT", "THE SAT", 3, 0, 1, 0),
        ("THE CAT SAT", "OH THE CAT SAT DOWN", 3, 0, 0, 2),
        ("A B C D E F G", "A X C E F G H", 7, 1, 1, 1),
        ("THE CAT SAT", "", 3, 0, 3, 0),
        ("THE", "NOT ONE WORD OF IT", 1, 1, 0, 4),
        ("IT'S THE DOGS", "It\u2019s the dogs'.", 3, 0, 0, 0),
        ("TWENTY ONE", "21", 2, 1, 1, 0),
    ],
)
def test_errors_are_counted_by_kind(reference, heard, words, substitutions, deletions, insertions):
    found = compare(reference, heard)
    assert found == WordErrors(words, substitutions, deletions, insertions)
    assert found.errors == substitutions + deletions + insertions


def test_a_reference_without_words_has_no_rate():
    with pytest.raises(ValueError, match="no words"):
        compare(" -- ", "a")


@pytest.mark.parametrize(
    "text, normal",
    [
        ("Hello, world!", "HELLO WORLD"),
        ("don't  DON\u2019T 'tis o'clock' 'quoted'", "DON'T DON'T TIS O'CLOCK QUOTED"),
        ("twenty-one \u2014 well\u2026 [noise] snake_case", "TWENTY ONE WELL NOISE SNAKE CASE"),
        ("Ca\ufb01 \u00e9t\u00e9 42%\n", "CAFI \u00c9T\u00c9 42"),
        (" ' -- ", ""),
    ],
)
def test_texts_are_made_alike(text, normal):
    assert normalise(text) == normal
    assert normalise(normal) == normal


def heard(system, counts, scenario="babble"):
    """Make a row of items ``(speaker, words, substitutions, deletions, insertions)``; None for one that failed."""
    return [
        Heard(
            "",
            system,
            f"{scenario}-{i}",
            scenario,
            f"s{i}",
            "X",
            count and WordErrors(*count),
            "" if count else "why",
        )
        for i, count in enumerate(counts)
    ]


def rates(*rows):
    every = [h for row in rows for h in row]
    return WordRates(Listener("r", "{}", "p 1"), every, {h.id: "X" for h in every}, 9)


def test_errors_are_pooled_not_averaged():
    row = heard("mixture", [(2, 1, 0, 0), (18, 0, 1, 0)])
    found = rates(row)
    assert found.rate(row).mean == pytest.approx(100 * 2 / 20)  # and not (50 + 5.6) / 2
    assert found.rate(row, "deletions").mean == found.rate(row, "substitutions").mean == pytest.approx(5)
    assert found.rate(row, "insertions").mean == 0


def test_what_was_not_counted_is_neither_nought_nor_a_hundred():
    row = heard("mixture", [(4, 1, 0, 0), None, (4, 1, 0, 0)])
    e = rates(row).rate(row)
    assert (e.mean, e.count, e.skipped) == (25, 2, 1)
    assert np.isnan(rates(row[1:2]).rate(row[1:2]).mean)


def test_a_difference_is_taken_on_the_items_that_both_rows_have():
    mixture = heard("mixture", [(10, 5, 0, 0), (10, 5, 0, 0), None])
    clean = heard(CLEAN, [(10, 1, 0, 0), None, (10, 9, 0, 0)])
    found = rates(mixture, clean)
    e = found.difference(mixture, clean)
    assert (e.mean, e.count) == (40, 1)
    assert found.difference(clean, mixture).mean == -40
    assert np.isnan(found.difference(mixture, []).mean)
    entry = next(e for e in found.summary() if (e["system"], e["scenario"]) == ("mixture", "all"))
    assert (entry["wer"]["mean"], entry["over_clean"]["mean"], entry["words"]) == (50, 40, 20)


def test_intervals_of_a_ratio_draw_whole_speakers():
    errors, words, speakers = [1.0, 2, 3, 4, 5, 6], [10.0, 10, 20, 10, 10, 30], list("abcdef")
    once = pooled(errors, words, speakers)
    tenfold = pooled(np.repeat(errors, 10), np.repeat(words, 10), np.repeat(speakers, 10))
    assert (once.low, once.high, once.resampled) == (tenfold.low, tenfold.high, "speakers")
    assert once.low < once.mean < once.high and once.mean == pytest.approx(21 / 90)
    assert pooled(errors, np.ones(6), speakers, 3) == bootstrap(errors, speakers, 3)
    assert pooled([3.0], [4.0], ["a"]).mean == 0.75
