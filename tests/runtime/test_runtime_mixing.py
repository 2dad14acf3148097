"""Some of the input, in time with the result."""

import numpy as np
import pytest
from live_rig import pse_stream, put, run, s16, talk
from pse_runtime.errors import ConfigError
from pse_runtime.mixing import MixedStream, dry_share
from pse_runtime.resampling import ResampledStream
from pse_runtime.switching import PassingStream


@pytest.mark.parametrize("block", [1, 7, 33, 64, 1000])
def test_the_input_is_mixed_in_sample_by_sample(model, profile, block):
    sound = talk(0.3)
    wet = run(model.stream(profile), sound)
    mixed = run(MixedStream(model.stream(profile), 0.25), sound, block)
    np.testing.assert_allclose(mixed, 0.25 * sound + 0.75 * wet, atol=1e-7)
    assert np.array_equal(run(MixedStream(model.stream(profile), 1.0), sound, block), sound)
    assert np.array_equal(run(MixedStream(model.stream(profile), 0.0), sound, block), wet)


def test_at_most_so_many_decibels_are_removed():
    for decibels in (0, 6, 20, 60):
        mute = MixedStream(PassingStream(32, 64, mute=True), dry_share(decibels))
        sound = talk(0.3)
        out = run(mute, sound)
        assert 20 * np.log10(np.linalg.norm(sound) / np.linalg.norm(out)) == pytest.approx(decibels, abs=1e-3)


def test_both_together_are_a_mix_of_what_is_suppressed():
    assert dry_share(20, 0.5) == pytest.approx(0.5 + 0.5 * 0.1)
    assert dry_share(None, 1) == 0


def test_with_another_rate_the_input_stays_in_time():
    sound = talk(0.5, rate=44100)
    stream = MixedStream(ResampledStream(PassingStream(32, 64), 44100, 44100), 0.5)
    np.testing.assert_allclose(run(stream, sound, 441), sound, atol=1e-7)
    stream = MixedStream(ResampledStream(PassingStream(32, 64, mute=True), 44100, 16000), 0.5)
    np.testing.assert_allclose(run(stream, sound, 441), 0.5 * sound, atol=1e-7)


@pytest.mark.parametrize("given", [(-1, 1), (201, 1), (None, -0.1), (None, 1.1), (float("nan"), 1)])
def test_what_cannot_be_meant_is_refused(given):
    with pytest.raises(ConfigError, match=r"--max-suppression-db|--dry-wet"):
        dry_share(*given)


def test_the_command_line_mixes_pipes_and_files_alike(folder, profile, tmp_path):
    profile.save(tmp_path / "me.profile")
    given = (
        "--model",
        folder,
        "--enrol",
        tmp_path / "me.profile",
        "--max-suppression-db",
        12,
        "--dry-wet",
        0.8,
    )
    data = s16(talk(0.5))
    sound = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    result = pse_stream(*given, "--format", "f32", stdin=sound.astype("<f4").tobytes())
    assert result.code == 0, result.err
    found = np.frombuffer(result.raw, "<f4")
    dry = 1 - 0.8 * (1 - 10 ** (-12 / 20))
    raw = pse_stream(*given[:4], "--format", "f32", stdin=sound.astype("<f4").tobytes()).raw
    np.testing.assert_allclose(found, dry * sound + (1 - dry) * np.frombuffer(raw, "<f4"), atol=1e-6)
    put(tmp_path / "in.wav", sound, subtype="FLOAT")
    assert pse_stream(tmp_path / "in.wav", *given, "--out", tmp_path / "out.wav").code == 0
    import soundfile

    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], found)
