import numpy as np
import pytest

from pse_plugins.evaluation.statistics import bootstrap, failure_rate

SIX = list("abcdef")


def test_what_is_not_finite_is_counted_and_never_averaged():
    e = bootstrap([1.0, np.nan, 3.0, np.inf, -np.inf, 2.0], SIX)
    assert (e.mean, e.count, e.skipped) == (2.0, 3, 3)
    assert np.isfinite([e.low, e.high]).all()


def test_nothing_left_is_not_a_number():
    e = bootstrap([np.nan, np.inf], ["a", "b"])
    assert np.isnan([e.mean, e.low, e.high]).all() and (e.count, e.skipped) == (0, 2)
    assert e.as_dict()["mean"] is None


def test_one_item_has_no_interval():
    e = bootstrap([4.0], ["a"])
    assert e.mean == 4 and np.isnan([e.low, e.high]).all()


def test_alike_items_of_a_speaker_do_not_narrow_the_interval():
    once = bootstrap([1, 2, 3, 4, 5, 6], SIX)
    tenfold = bootstrap(np.repeat([1.0, 2, 3, 4, 5, 6], 10), np.repeat(SIX, 10))
    apart = bootstrap(np.repeat([1.0, 2, 3, 4, 5, 6], 10), np.repeat("a", 60))
    assert (once.low, once.high) == (tenfold.low, tenfold.high)
    assert apart.high - apart.low < 0.5 * (tenfold.high - tenfold.low)
    assert (tenfold.resampled, apart.resampled) == ("speakers", "items")


def test_speakers_with_more_items_weigh_more():
    e = bootstrap([0, 0, 0, 6], ["a", "a", "a", "b"])
    assert e.mean == 1.5


@pytest.mark.parametrize("speakers", [4, 5])
def test_speakers_are_drawn_from_five_on(speakers):
    e = bootstrap(range(20), [f"s{i % speakers}" for i in range(20)])
    assert e.resampled == ("speakers" if speakers == 5 else "items")


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        offsets = np.repeat(rng.normal(0, 1, 20), 5)  # 20 speakers of 5 items each
        e = bootstrap(offsets + rng.normal(0, 0.5, 100), np.repeat(np.arange(20), 5).astype(str), trial)
        hits += e.low <= 0 <= e.high
    assert 0.88 <= hits / 200 <= 0.98


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    speakers = [str(i % 6) for i in range(30)]
    assert bootstrap(values, speakers, 1) == bootstrap(values, speakers, 1) != bootstrap(values, speakers, 2)


def test_failures_are_of_what_is_known():
    assert failure_rate([0.99, 1.0, np.nan, -3.0]) == pytest.approx(2 / 3)
    assert np.isnan(failure_rate([np.nan]))
