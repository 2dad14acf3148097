"""Whatever comes in, what comes out is finite, as long, and goes on."""

import numpy as np
import pytest
from live_rig import RATE, run, talk
from pse_runtime.errors import AudioError
from pse_runtime.guard import LOUDEST, CleanedStream, RecoveringStream


class Same:
    """A stream that gives what it takes, and remembers it."""

    def __init__(self):
        self.came = []

    def feed(self, block):
        self.came.append(block.copy())
        return block

    def flush(self):
        return np.zeros(0, np.float32)


def guarded(model, profile):
    return CleanedStream(RecoveringStream(model.stream(profile)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_counts_as_silence_to_the_bit_and_is_said_once(model, profile, capsys, bad):
    sound = talk(0.5)
    sound[2000:2321] = 0
    expected = run(guarded(model, profile), sound)
    assert capsys.readouterr().err == ""
    sound[2000:2321] = bad
    stream = guarded(model, profile)
    assert np.array_equal(run(stream, sound, 100), expected)
    assert capsys.readouterr().err.count("NaN or infinite") == 1
    assert stream.unusable == 321


@pytest.mark.parametrize("decibels", [-80, -40, 0, 20])
def test_levels_up_to_20_db_over_full_scale_pass_as_they_are(decibels, capsys):
    inner = Same()
    sound = np.sin(np.arange(1000) * 0.1).astype(np.float32) * np.float32(10 ** (decibels / 20))
    assert np.array_equal(run(CleanedStream(inner), sound), sound)
    assert capsys.readouterr().err == ""


def test_what_is_louder_is_limited_and_said_once(capsys):
    sound = np.array([0.5, 11, -1e30, 10, -10], np.float32)
    stream = CleanedStream(Same())
    assert run(stream, np.tile(sound, 3), 5).tolist() == [0.5, LOUDEST, -LOUDEST, 10, -10] * 3
    assert capsys.readouterr().err.count("20 dB over full scale") == 1
    assert stream.limited == 6


def denormal(array):
    """Tell which numbers are, by their bits: arithmetic may take them for zero."""
    bits = array.view(np.uint32)
    return ((bits & 0x7F800000) == 0) & ((bits & 0x007FFFFF) != 0)


def test_numbers_so_small_that_they_are_slow_become_zero():
    slow = np.array([1, 0x80000001, 0x00400000], np.uint32).view(np.float32)
    assert denormal(slow).all()
    inner = Same()
    CleanedStream(inner).feed(np.append(slow, np.float32(1e-7)))
    assert inner.came[0].view(np.uint32)[:3].tolist() == [0, 0, 0]
    assert inner.came[0][3] == np.float32(1e-7)


@pytest.mark.parametrize(
    "sound",
    [
        np.full(8000, 0.7, np.float32),
        np.clip(8 * talk(0.5), -0.2, 0.2),
        np.sign(np.sin(np.arange(8000.0))) * 10,
        1e-4 * talk(0.5),
        np.zeros(8000),
    ],
    ids=["DC", "clipped", "+20 dB", "-80 dB", "silence"],
)
def test_odd_sound_gives_finite_sound_and_leaves_no_trace_in_what_is_kept(any_model, sound):
    stream = any_model.stream([talk(2)], RATE)
    out = run(RecoveringStream(stream), sound.astype(np.float32))
    assert np.isfinite(out).all() and np.abs(out).max() < 1000
    assert np.array_equal(run(stream, talk(0.2)), run(any_model.stream([talk(2)], RATE), talk(0.2)))


def test_long_silence_leaves_a_state_that_is_finite_and_without_denormal_numbers(any_model):
    stream = any_model.stream([talk(2)], RATE)
    stream.feed(talk(0.5))
    stream.feed(np.zeros(30 * RATE, np.float32))
    for name, array in stream.save()["arrays"].items():
        assert np.isfinite(array).all(), name
        if array.dtype.kind == "f":
            assert not denormal(array).any(), name


def poison(stream):
    """Put NaN into all that a stream remembers."""
    saved = stream.save()
    for array in saved["arrays"].values():
        if array.dtype.kind == "f":
            array[:] = np.nan
    stream.restore(saved)


def test_a_poisoned_state_is_thrown_away_that_block_is_silent_and_it_is_said_once(model, profile, capsys):
    stream = model.stream(profile)
    guard, lengths, outs = RecoveringStream(stream), [], []
    sound = 0.1 * np.random.default_rng(0).standard_normal(16000)
    plain = model.stream(profile)
    for i in range(0, len(sound), 100):
        if i in (4000, 9000):
            poison(stream)
        outs.append(guard.feed(sound[i : i + 100]))
        lengths.append(len(plain.feed(sound[i : i + 100])))
    assert [len(out) for out in outs] == lengths  # nothing is early, late or missing
    outs.append(guard.flush())
    assert sum(map(len, outs)) == len(sound)
    assert np.isfinite(np.concatenate(outs)).all()
    assert guard.restarts == 2
    assert capsys.readouterr().err.count("\n") == 1
    silent = [i for i in range(8, 150) if not outs[i].any() and len(outs[i])]
    assert len(silent) == 2 and silent[0] in (40, 41) and silent[1] in (90, 91)


def test_after_a_poisoned_state_the_result_is_that_of_a_new_stream(model, profile):
    stream, hop = model.stream(profile), model.hop
    guard, sound = RecoveringStream(stream), talk(1)
    guard.feed(sound[: 100 * hop])
    poison(stream)
    assert not guard.feed(sound[100 * hop : 101 * hop]).any()
    late = np.concatenate([guard.feed(sound[101 * hop :]), guard.flush()])
    fresh = run(model.stream(profile), sound[101 * hop :])
    owed = model.latency - hop
    assert np.array_equal(late[owed:], fresh)


def test_a_model_that_never_gave_anything_finite_is_an_error(model, profile):
    stream = model.stream(profile)
    poison(stream)
    with pytest.raises(AudioError, match="take another --model"):
        run(RecoveringStream(stream), talk(0.1))
