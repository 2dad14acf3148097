"""Where nobody watches, progress is plain lines: not silence, and not a flood."""

from rig import model, pse
from test_cli_evaluate import data  # noqa: F401 - a fixture

from pse_plugins.cli._progress import Lines


def said(done, seconds):
    """Tell what is said of items that are done at times in s, of 100 in all."""
    lines, times = [], iter(seconds)
    tell = Lines("evaluating", lambda: next(times), lines.append)
    for count in done:
        tell(count, 100)
    return lines


def test_a_line_at_the_first_item_and_at_each_tenth():
    lines = said(range(1, 101), [0.1 * i for i in range(100)])
    assert len(lines) == 11
    assert lines[0] == "evaluating: 1 of 100 items"
    assert lines[1] == "evaluating: 10 of 100 items, 9 s left"
    assert lines[-1] == "evaluating: 100 of 100 items"


def test_a_line_every_30_s_where_items_take_long():
    assert said([1, 2, 3, 4], [0, 20, 40, 80]) == [
        "evaluating: 1 of 100 items",
        "evaluating: 3 of 100 items, 32 min left",
        "evaluating: 4 of 100 items, 43 min left",
    ]


def test_what_was_kept_is_named_and_is_not_taken_for_speed():
    lines = said([50, 51, 60], [0, 1, 10])
    assert lines == [
        "evaluating: 50 of 100 items, kept from before",
        "evaluating: 60 of 100 items, 40 s left",
    ]


def test_pse_evaluate_tells_it_in_a_log(data, tmp_path):  # noqa: F811 - the fixture
    done = pse(
        "evaluate", "--model", model(), *data, "--out", tmp_path, "--metrics", "si-sdr", "--samples", 0
    )
    assert done.code == 0 and "pse: evaluating: 6 of 6 items\n" in done.err
    assert "\x1b" not in done.err and done.err.count("evaluating") <= 11
