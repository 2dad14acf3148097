"""Word error rates as tables."""

from __future__ import annotations

from .cells import MISSING, Table, number, row_label
from .results import Results
from .statistics import Estimate
from .word_rates import CLEAN, WordRates
from .words import RULE

WER = "WER (%)"

NO_TEXT = "no transcript"
"""What a cell says where no item of a condition has a transcript."""

WEAK = 30.0
"""A recogniser that gets more of the clean target's words wrong, in %, is called weak."""

_HEAD = [WER, "sub (%)", "del (%)", "ins (%)", "over clean", "over mixture", "items"]


def wer_cell(results: Results, model: str, system: str, scenario: str) -> str:
    """Write a row's word error rate, or why there is none."""
    words = results.words
    if words is None or words.listener.remark:
        return MISSING
    heard = words.pick(model, system, scenario)
    return number(words.rate(heard), "wer") if heard else NO_TEXT


def word_tables(results: Results) -> list[Table]:
    """Make one table a condition that has transcripts: rates, their parts, and what they are above other rows."""
    words = results.words
    if words is None:
        return []
    return [
        Table(
            f"{scenario}: word errors",
            ["system", *_HEAD],
            [[row_label(results, *row), *_cells(words, row, scenario)] for row in words.rows()],
        )
        for scenario in words.scenarios
    ]


def _cells(words: WordRates, row: tuple[str, str], scenario: str) -> list[str]:
    """Write the figures of a row; none is above itself."""
    heard = words.pick(*row, scenario)
    rates = [words.rate(heard, kind) for kind in ("errors", "substitutions", "deletions", "insertions")]
    others = [words.pick("", system, scenario) for system in (CLEAN, "mixture")]
    over = [words.difference(heard, [] if other == heard else other) for other in others]
    skipped = rates[0].skipped
    count = f"{len(heard)} ({skipped} skipped)" if skipped else str(len(heard))
    return [*(number(e, "wer") for e in rates), *(_signed(e) for e in over), count]


def _signed(estimate: Estimate) -> str:
    """Write a difference; more errors have a plus."""
    text = number(estimate, "wer")
    return f"+{text}" if estimate.mean > 0 and not text.startswith("0.0 ") else text


def word_notes(results: Results) -> list[str]:
    """Say by whom words were heard, how they were counted, and what is missing."""
    words = results.words
    if words is None:
        return []
    if words.listener.remark:
        return [f"WER: {words.listener.remark}."]
    without = words.items - len(words.references)
    lines = []
    if words.heard:
        lines.append(
            f"WER: heard by {words.listener}; all errors over all words, in %. Over clean, over mixture: by how many "
            f"points a row is above the row of the clean target, whose errors are the recogniser's own, and above "
            f"the mixture's. Texts: {RULE}."
        )
    if without:
        lines.append(
            f"WER: {without} of {words.items} items have no transcript and are left out; a list of whole utterances "
            f"of a corpus with transcripts has them: `pse data test-list --whole`."
        )
    own = words.rate(words.pick("", CLEAN))
    if own.mean > WEAK:
        lines.append(
            f"WER: a weak recogniser, {own.mean:.0f} % of the words are wrong even of the clean target: compare rows, "
            f"not with other recognisers."
        )
    if words.skipped:
        first = words.skipped[0]
        lines.append(
            f"WER: skipped, as nothing could be counted: {len(words.skipped)} of {len(words.heard)} transcripts; "
            f"the first, {first.id} of the {first.system}: {first.problem}."
        )
    return lines
