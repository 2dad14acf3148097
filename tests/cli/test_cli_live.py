"""``pse stream`` live with a bundle, torch inside: the same options and results as with an exported model."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import RATE, model, pse, put, talk

from pse_plugins import bundle
from pse_plugins.export import export
from pse_plugins.profile import Profile

sys.path.append(str(Path(__file__).parents[1] / "runtime"))
from fake_sounddevice import FakeSound


@pytest.fixture
def clip(tmp_path):
    return put(tmp_path / "clip.wav", talk(3, seed=9))


def s16(samples):
    return np.round(samples * 32768).astype("<i2").tobytes()


def f32(samples):
    return samples.astype("<f4").tobytes()


def stream(*args, stdin=b""):
    return pse("stream", *args, "--model", model(), stdin=stdin)


def test_a_pipe_gives_the_samples_of_the_file_and_nearly_those_of_enhance(tmp_path, clip):
    data = s16(talk(1.0))
    mixture = put(tmp_path / "in.wav", np.frombuffer(data, "<i2"))
    piped = stream("--enrol", clip, stdin=data)
    assert stream(mixture, "--enrol", clip, "--out", tmp_path / "out.wav").code == 0
    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].tobytes() == piped.raw
    assert pse("enhance", mixture, "--enrol", clip, "--model", model(), "--out", tmp_path / "e.wav").code == 0
    enhanced = soundfile.read(tmp_path / "e.wav")[0]
    assert np.abs(enhanced - np.frombuffer(piped.raw, "<i2") / 32768).max() < 1e-4
    assert np.abs(enhanced).max() > 1e-3


def test_no_number_in_f32_is_silence(clip):
    sound = talk(0.5)
    sound[1000:1500] = 0
    expected = stream("--enrol", clip, "--format", "f32", stdin=f32(sound))
    sound[1000:1500] = np.nan
    result = stream("--enrol", clip, "--format", "f32", stdin=f32(sound))
    assert result.raw == expected.raw and len(result.raw) == 16000
    assert result.err.count("NaN or infinite") == 1


def test_a_poisoned_state_is_silence_and_it_goes_on(clip, monkeypatch):
    from pse_plugins.stream import Stream

    execute, hops = Stream._execute, []

    def poisoned(self, chunk):
        hops.append(1)
        if len(hops) == 20:
            self._state = {name: value * float("nan") for name, value in self._state.items()}
        return execute(self, chunk)

    monkeypatch.setattr(Stream, "_execute", poisoned)
    result = stream("--enrol", clip, "--format", "f32", stdin=f32(talk(0.5)))
    out = np.frombuffer(result.raw, "<f4")
    assert result.code == 0 and len(out) == 4000
    assert np.isfinite(out).all() and out[2000:].any()
    assert result.err.count("it starts anew") == 1


def test_long_silence_leaves_no_denormal_numbers(clip):
    enhancer = bundle.load(model())
    running = enhancer.stream([soundfile.read(clip)[0].astype(np.float32)])
    running.feed(talk(1.0))
    running.feed(np.zeros(20 * RATE, np.float32))
    for name, array in running.save().items():
        if isinstance(array, np.ndarray) and array.dtype == np.float32:
            bits = array.view(np.uint32)
            assert np.isfinite(array).all(), name
            assert not (((bits & 0x7F800000) == 0) & ((bits & 0x7FFFFF) != 0)).any(), name


def test_some_of_the_input_is_mixed_in(clip):
    sound = talk(0.5)
    wet = np.frombuffer(stream("--enrol", clip, "--format", "f32", stdin=f32(sound)).raw, "<f4")
    mixed = stream("--enrol", clip, "--format", "f32", "--max-suppression-db", 20, stdin=f32(sound))
    np.testing.assert_allclose(np.frombuffer(mixed.raw, "<f4"), wet + 0.1 * (sound - wet), atol=1e-6)


def test_a_live_enrolment_is_kept_and_its_voice_is(tmp_path):
    out = tmp_path / "me.profile"
    result = stream("--enrol-live", 1, "--save-profile", out, "--mute-until-enrolled", stdin=s16(talk(5)))
    assert result.code == 0, result.err
    samples = np.frombuffer(result.raw, "<i2")
    assert len(samples) == 5 * RATE and not samples[:RATE].any() and samples[4 * RATE :].any()
    assert Profile.load(out).cue.vectors.shape[1] == 1


def test_whoever_is_written_to_a_file_is_kept(tmp_path, clip):
    other = put(tmp_path / "other.wav", talk(3, seed=4))
    (tmp_path / "who").write_text("two\n")
    names = ("--profile", f"one={clip}", "--profile", f"two={other}")
    result = stream(*names, "--control", tmp_path / "who", stdin=s16(talk(1.0)))
    assert result.code == 0, result.err
    assert "keeping one; write a name to" in result.err and "now keeping two" in result.err
    plain = stream("--enrol", other, stdin=s16(talk(1.0)))
    gap = np.frombuffer(result.raw, "<i2").astype(int) - np.frombuffer(plain.raw, "<i2")
    assert np.abs(gap[4000:]).max() <= 3


def test_an_export_may_be_what_the_environment_names_but_is_no_bundle(tmp_path, clip, monkeypatch):
    export(bundle.load(model()), tmp_path / "live")
    monkeypatch.setenv("PSE_MODEL", str(tmp_path / "live"))
    data = s16(talk(0.3))
    assert len(pse("stream", "--enrol", clip, stdin=data).raw) == len(data)
    refused = pse("stream", "--enrol", clip, "--device", "cuda", stdin=data)
    assert refused.code == 2 and "an exported model runs on the CPU" in refused.err
    refused = pse("enrol", clip, "--out", tmp_path / "me.profile")
    assert refused.code == 2 and "an exported model, which pse stream and pse-stream run" in refused.err


def test_an_exported_model_runs_as_its_bundle_does(tmp_path, clip):
    pytest.importorskip("onnx", reason='pip install "pse-plugins[export]"')
    export(bundle.load(model()), tmp_path / "live", clip_seconds=3.0)
    data = s16(talk(0.5))
    given = ("--enrol", clip, "--dry-wet", 0.9)
    exported = pse("stream", *given, "--model", tmp_path / "live", stdin=data)
    assert exported.code == 0, exported.err
    gap = np.frombuffer(exported.raw, "<i2").astype(int) - np.frombuffer(
        stream(*given, stdin=data).raw, "<i2"
    )
    assert np.abs(gap).max() <= 4


def test_a_lost_device_is_code_1(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSound(lambda s: None, rates=(RATE,)))
    result = stream("--enrol", clip, "--input-device", "default")
    assert result.code == 1
    assert result.err.splitlines()[-1] == "pse: the sound device is lost; what came until then is kept"
    assert pse("stream", "--list-devices").out == "  0 microphone\n  1 headset\n"
