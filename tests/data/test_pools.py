import pickle

import numpy as np
import pytest
import soundfile

from pse_plugins.data import ClipRef, NoisePool, SpeechPool
from pse_plugins.data.manifest import inspect
from pse_plugins.errors import AudioError, ConfigError, DataError

RATE = 8000


def test_recordings_come_out_as_they_were_written(utterances):
    pool = SpeechPool(utterances, RATE)
    expected, _ = soundfile.read(utterances[0].path, dtype="float32")
    assert np.array_equal(pool.segment("1-7-0000", 100, 500), expected[100:600])


def test_a_clip_is_cut_from_the_recording_without_its_silence(utterances):
    pool = SpeechPool(utterances, RATE)
    samples, _ = soundfile.read(utterances[0].path, dtype="int16")
    clips = pool.clip_grid("1-7-0000", 2 * RATE)
    assert [c.start for c in clips[:3]] == [0, RATE // 2, RATE]
    assert clips[-1].start + 2 * RATE <= pool.outline("1-7-0000").kept.length < samples.size
    heard = pool.clip(clips[1])
    first, last = pool.extent(clips[1])
    assert heard.size == 2 * RATE < last - first
    assert heard[0] == samples[first] / 32768
    assert heard[-1] == samples[last - 1] / 32768


def test_clips_are_at_the_encoders_rate_and_of_the_same_sound(utterances):
    low, high = SpeechPool(utterances, RATE), SpeechPool(utterances, RATE, enrolment_rate=2 * RATE)
    a = low.clip(ClipRef("1-7-0000", 0, 2 * RATE))
    b = high.clip(ClipRef("1-7-0000", 0, 4 * RATE))
    assert b.size == 2 * a.size
    assert np.corrcoef(a[RATE:], b[2 * RATE :: 2])[0, 1] > 0.9
    assert abs(len(low.clip_grid("1-7-0000", RATE)) - len(high.clip_grid("1-7-0000", 2 * RATE))) <= 1


def test_speeds_make_other_voices_of_the_same_person(utterances):
    pool = SpeechPool(utterances, RATE, speeds=(0.8, 1.0))
    assert len(pool.speakers) == 8
    assert pool.utterances("1@0.8") == ["1-7-0000@0.8", "1-7-0001@0.8", "1-7-0002@0.8"]
    assert pool.person("1@0.8") == pool.person("1") == "1"
    assert pool.speaker("1-7-0000@0.8") == "1@0.8"
    slow, own = (pool.outline(id).size for id in ("1-7-0000@0.8", "1-7-0000"))
    assert abs(slow / own - 1.25) < 1e-3


def test_formants_make_other_voices_at_each_speed(utterances):
    pool = SpeechPool(utterances, RATE, speeds=(0.8, 1.0), formants=(1.0, 1.1))
    assert [s for s in pool.speakers if s.startswith("1")] == ["1@0.8", "1@0.8~1.1", "1", "1~1.1"]
    assert pool.person("1@0.8~1.1") == pool.person("1~1.1") == "1"
    own, moved = (pool.segment(id, 0, RATE) for id in ("1-7-0000", "1-7-0000~1.1"))
    assert np.abs(own - moved).max() / np.abs(own).max() > 0.05
    bare = SpeechPool(utterances, RATE, formants=(1.1,), max_bytes=0)
    assert np.array_equal(bare.segment("1-7-0000~1.1", 0, RATE), moved)
    with pytest.raises(ConfigError, match="formants .* must be factors from 0.5 to 2"):
        SpeechPool(utterances, RATE, formants=[3.0])


def test_memory_stays_below_the_cap_and_results_are_the_same(utterances):
    free, capped = SpeechPool(utterances, RATE), SpeechPool(utterances, RATE, max_bytes=250_000)
    for u in utterances * 2:
        assert np.array_equal(free.segment(u.id, 700, 1000), capped.segment(u.id, 700, 1000))
        for clip in free.clip_grid(u.id, RATE)[:3]:
            assert np.array_equal(free.clip(clip), capped.clip(clip))
        assert 0 < capped.nbytes <= 250_000
    changed = {"enrolment_rate": 2 * RATE, "speeds": (0.9,)}
    other, bare = (SpeechPool(utterances, RATE, **changed, max_bytes=cap) for cap in (None, 0))
    clip = other.clip_grid("1-7-0001@0.9", 2 * RATE)[2]
    assert np.array_equal(other.clip(clip), bare.clip(clip))
    assert bare.nbytes == 0
    assert free.nbytes > 500_000
    full = SpeechPool(utterances, RATE, preload=True)
    assert full.nbytes == free.nbytes
    assert SpeechPool(utterances, RATE, preload=True, max_bytes=250_000).nbytes < free.nbytes


def test_a_pickled_pool_is_small_and_works(utterances, noises):
    pool, noise = SpeechPool(utterances, RATE, preload=True), NoisePool(noises, RATE, preload=True)
    sent = pickle.dumps((pool, noise))
    assert len(sent) < 20_000
    again, noise_again = pickle.loads(sent)
    assert np.array_equal(again.segment("1-7-0000", 5, 100), pool.segment("1-7-0000", 5, 100))
    assert np.array_equal(noise_again.segment(noise.ids[0], 5, 100), noise.segment(noise.ids[0], 5, 100))


def test_a_short_noise_is_looped_seamlessly_and_never_padded(tmp_path):
    size = RATE // 2
    tone = np.sin(np.arange(size) * 2 * np.pi * 30.56 / RATE) * 0.5
    soundfile.write(tmp_path / "hum.wav", tone, RATE, subtype="PCM_16")
    noise = NoisePool([inspect(tmp_path / "hum.wav", tmp_path, "hum", "hum")], RATE)
    period = noise.period("hum", 3 * RATE)
    assert period == size - 0.05 * RATE
    long = noise.segment("hum", 123, 3 * RATE)
    assert long.size == 3 * RATE
    assert np.array_equal(long[:1000], long[period : period + 1000])
    assert np.abs(np.diff(long)).max() < 0.05  # without the cross-fade, 0.5
    frames = long[: 3 * RATE // 800 * 800].reshape(-1, 800)
    assert np.sqrt((frames**2).mean(1)).min() > 0.05


def test_a_long_noise_is_cut(noises):
    noise = NoisePool(noises, RATE)
    id = next(n.id for n in noises if n.samples == 5 * RATE)
    assert noise.period(id, 2 * RATE) == 3 * RATE + 1
    assert noise.segment(id, 3 * RATE, 2 * RATE).size == 2 * RATE


def test_bad_pools_are_refused(utterances, tmp_path):
    with pytest.raises(DataError, match="no speech"):
        SpeechPool([], RATE)
    with pytest.raises(DataError, match="no noise"):
        NoisePool([], RATE)
    with pytest.raises(ConfigError, match="speeds"):
        SpeechPool(utterances, RATE, speeds=[0.0])
    with pytest.raises(ConfigError, match="out of range"):
        SpeechPool(utterances, 100)


def test_a_file_that_went_is_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.1), RATE)
    pool = SpeechPool([inspect(tmp_path / "a.wav", tmp_path, "a", "ann")], RATE)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(AudioError, match=r"a\.wav: no such file"):
        pool.outline("a")


def test_noises_are_there_at_each_speed(tmp_path):
    t = np.arange(RATE) / RATE
    soundfile.write(tmp_path / "hum.wav", 0.3 * np.sin(2 * np.pi * 100 * t), RATE)
    noise = NoisePool([inspect(tmp_path / "hum.wav", tmp_path, "hum", "hum")], RATE, speeds=[1.0, 0.5])
    assert noise.ids == ["hum", "hum@0.5"] and noise.source("hum@0.5").id == "hum"
    assert noise.period("hum@0.5", RATE) > noise.period("hum", RATE)
    slow = np.abs(np.fft.rfft(noise.segment("hum@0.5", 0, RATE)))
    assert slow.argmax() == 50
    moved = NoisePool([inspect(tmp_path / "hum.wav", tmp_path, "hum", "hum")], RATE, envelopes=[1.0, 0.8])
    assert moved.ids == ["hum", "hum~0.8"]
    assert not np.allclose(moved.segment("hum", 0, 800), moved.segment("hum~0.8", 0, 800), atol=1e-3)
    with pytest.raises(ConfigError, match="speeds .* must be factors"):
        NoisePool([inspect(tmp_path / "hum.wav", tmp_path, "hum", "hum")], RATE, speeds=[0.1])
