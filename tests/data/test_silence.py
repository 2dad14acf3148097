import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse_plugins.data.activity import active_frames, active_rms, voiced_spans
from pse_plugins.data.silence import SilenceMap

RATE = 8000


@st.composite
def spans(draw):
    """Draw spans that are apart, and the size of their recording."""
    steps = draw(st.lists(st.integers(1, 40), min_size=2, max_size=12).filter(lambda s: len(s) % 2 == 0))
    edges = np.cumsum(steps)
    return edges.reshape(-1, 2), int(edges[-1]) + draw(st.integers(0, 30))


@given(spans(), st.data())
def test_every_stretch_of_the_cut_recording_is_found_again(drawn, data):
    edges, size = drawn
    kept, recording = SilenceMap(edges), np.arange(size)
    all_kept = np.concatenate([recording[a:b] for a, b in edges])
    assert kept.length == all_kept.size
    start = data.draw(st.integers(0, kept.length - 1))
    length = data.draw(st.integers(1, kept.length - start))
    cut = np.concatenate([recording[a:b] for a, b in kept.pieces(start, length)])
    assert np.array_equal(cut, all_kept[start : start + length])
    assert kept.extent(start, length) == (cut[0], cut[-1] + 1)
    first, last = sorted(data.draw(st.tuples(st.integers(0, size), st.integers(0, size))))
    assert kept.overlap(first, last) == np.isin(recording[first:last], all_kept).sum()


def test_a_map_scales_to_another_rate():
    scaled = SilenceMap(np.array([[80, 160], [400, 800]])).scaled(2, 1590)
    assert scaled.spans.tolist() == [[160, 320], [800, 1590]]


def test_silence_goes_and_voice_stays():
    rng = np.random.default_rng(0)
    samples = np.zeros(4 * RATE)
    samples[RATE : 2 * RATE] = rng.standard_normal(RATE) * 0.1
    (a, b), *more = voiced_spans(samples, RATE)
    assert not more
    assert a == RATE - 0.1 * RATE
    assert b == 2 * RATE + 0.1 * RATE


def test_nothing_is_active_in_silence():
    assert not active_frames(np.zeros(RATE), RATE).any()
    assert not active_frames(np.full(RATE, 1e-6), RATE).any()
    assert voiced_spans(np.zeros(RATE), RATE).shape == (0, 2)
    assert active_rms(np.zeros(100), RATE) == 0
    assert SilenceMap(voiced_spans(np.zeros(RATE), RATE)).length == 0


def test_pauses_do_not_count_towards_the_level():
    rng = np.random.default_rng(0)
    voice = rng.standard_normal(RATE) * 0.1
    with_pauses = np.concatenate([np.zeros(RATE), voice, 1e-4 * rng.standard_normal(3 * RATE)])
    assert abs(active_rms(with_pauses, RATE) / np.sqrt(np.mean(voice**2)) - 1) < 1e-6


def test_a_short_signal_is_one_frame():
    assert active_frames(np.tile([0.1, -0.1], 5), RATE).tolist() == [True]


def test_a_constant_offset_is_no_sound():
    rng = np.random.default_rng(0)
    samples = np.concatenate([np.zeros(RATE), 0.01 * rng.standard_normal(RATE)])
    assert np.array_equal(voiced_spans(samples + 0.25, RATE), voiced_spans(samples, RATE))
    assert abs(active_rms(samples + 0.25, RATE) / active_rms(samples, RATE) - 1) < 1e-6
