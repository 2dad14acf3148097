"""A stream's result does not depend on blocks, other streams, or on being saved in between, to the bit."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_rig import RATE, run, talk
from pse_runtime.errors import AudioError, BundleError
from pse_runtime.model import Model

SOUND = talk(0.8, seed=5)
QUICK = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture(scope="module")
def who(any_model):
    return any_model.enrol([talk(2, seed=1)], RATE)


@pytest.fixture(scope="module")
def whole(any_model, who):
    """What comes of the sound in one block."""
    out = run(any_model.stream(who), SOUND, len(SOUND))
    assert np.abs(out).max() > 1e-3
    return out


@pytest.mark.parametrize("block", [1, 7, 64, 160, 161, 480, 4096])
def test_blocks_of_any_size_give_the_same_bits(any_model, who, whole, block):
    assert np.array_equal(run(any_model.stream(who), SOUND, block), whole)


@QUICK
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=30))
def test_blocks_of_random_sizes_give_the_same_bits(any_model, who, whole, cuts):
    stream = any_model.stream(who)
    parts = [stream.feed(part) for part in np.split(SOUND, sorted(cuts))]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), whole)


@QUICK
@given(at=st.integers(0, len(SOUND)), block=st.integers(1, 700))
def test_a_saved_state_goes_on_to_the_bit_in_another_stream(any_model, who, whole, at, block):
    first, second = any_model.stream(who), any_model.stream(who)
    before = [first.feed(SOUND[i : min(i + block, at)]) for i in range(0, at, block)]
    saved = first.save()
    second.feed(talk(0.1, seed=9))  # has heard something else
    second.restore(saved)
    first.feed(talk(0.1, seed=8))  # and what was saved is not what runs on
    assert np.array_equal(np.concatenate([*before, run(second, SOUND[at:])]), whole)


def test_many_streams_of_one_model_do_not_hear_each_other(any_model, who, whole):
    streams = [any_model.stream(who) for _ in range(3)]
    sounds = [SOUND, talk(0.8, seed=6), SOUND[::-1].copy()]
    outs = [[], [], []]
    for i in range(0, len(SOUND), 96):
        for stream, sound, out in zip(streams, sounds, outs):
            out.append(stream.feed(sound[i : i + 96]))
    ends = [stream.flush() for stream in streams]
    for sound, out, end in zip(sounds, outs, ends):
        assert np.array_equal(np.concatenate([*out, end]), run(any_model.stream(who), sound, len(sound)))
    assert np.array_equal(np.concatenate([*outs[0], ends[0]]), whole)


@pytest.mark.parametrize("end", ["reset", "flush"])
def test_after_a_reset_or_the_end_a_stream_is_as_new(any_model, who, whole, end):
    stream = any_model.stream(who)
    stream.feed(talk(0.31, seed=7))
    getattr(stream, end)()
    assert np.array_equal(run(stream, SOUND), whole)


def test_as_many_samples_come_out_as_went_in_and_never_later_than_the_latency(any_model, who):
    for samples in (0, 1, 31, 32, 33, 1000):
        assert len(run(any_model.stream(who), SOUND[:samples])) == samples
    stream, taken, given_ = any_model.stream(who), 0, 0
    for i in range(0, 3200, any_model.hop):
        given_ += len(stream.feed(SOUND[i : i + any_model.hop]))
        taken += any_model.hop
        assert taken - given_ <= any_model.latency - any_model.hop


def test_hops_leave_nothing_behind_and_hold_no_more_than_a_few_of_themselves(any_model, who):
    stream, hop = any_model.stream(who), talk(1)[: any_model.hop]
    for _ in range(100):
        stream.feed(hop)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2000):
            stream.feed(hop)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2048  # bytes; what a hop left behind would be there 2000 times
    assert peak - before < 2048 + 20 * hop.nbytes


def test_who_is_kept_matters(model, voices):
    one, other = (run(model.stream(voice), SOUND) for voice in voices)
    assert np.abs(one - other).max() > 1e-3


def test_a_state_of_another_model_is_refused(live_models, who):
    streams = [Model(live_models(kind)) for kind in ("gru", "transformer")]
    saved = streams[0].stream([talk(2)], RATE).save()
    with pytest.raises(BundleError, match="another model"):
        streams[1].stream([talk(2)], RATE).restore(saved)


def test_a_state_of_graphs_of_the_same_shape_is_refused_too(model, profile):
    saved = model.stream(profile).save()
    saved["signature"] = ["graph 0123456789ab", *saved["signature"][1:]]  # of other weights, or in 8 bits
    with pytest.raises(BundleError, match="another model .*graph"):
        model.stream(profile).restore(saved)


def test_a_block_that_is_not_finite_or_not_one_channel_is_refused(model, profile):
    stream = model.stream(profile)
    with pytest.raises(AudioError, match="NaN"):
        stream.feed(np.array([0, np.nan], np.float32))
    with pytest.raises(AudioError, match="one channel"):
        stream.feed(np.zeros((2, 2), np.float32))


def test_a_stream_leaves_the_arithmetic_of_its_thread_as_it_was(any_model, who):
    any_model.stream(who).feed(
        SOUND
    )  # a session that takes denormal numbers for zero does so for whoever opens it
    assert np.array([5e-324]) * np.array([1.0]) != 0


def test_nothing_here_needs_torch(folder, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None; import pse_runtime.cli, pse_runtime.live, numpy as np;"
        f"m = pse_runtime.load({str(folder)!r}); s = m.stream([np.random.randn(32000) * (np.arange(32000) % 8000 < "
        "5000) * 0.1], 16000); print(len(s.feed(np.zeros(320))), 'pse_plugins' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["288", "False"], done.stderr
