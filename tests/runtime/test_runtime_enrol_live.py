"""Whoever speaks first is enrolled: pauses do not count, the input passes until then, and the change is in time."""

import json
import shutil

import numpy as np
import pytest
from live_rig import RATE, pse_stream, put, run, s16, talk
from pse_runtime.collecting import SpeechCollector
from pse_runtime.errors import AudioError
from pse_runtime.live_enrolment import FADE, WARM_UP, EnrollingStream
from pse_runtime.profile import Profile

SECONDS = 1.0


def enrolling(model, seconds=SECONDS, enrol=None, **more):
    enrol = enrol or (lambda clip: model.enrol([clip], RATE))
    return EnrollingStream(enrol, model.stream, RATE, model.hop, model.latency, seconds, **more)


def collected(sound, block=160):
    heard = SpeechCollector(RATE)
    for i in range(0, len(sound), block):
        heard.add(sound[i : i + block])
    return heard


def test_pauses_are_not_counted():
    speech, pause = talk(2), 1e-4 * np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32)
    alone = collected(speech).seconds
    assert 0.7 < alone < 1.3  # half of it are its own pauses
    assert collected(np.concatenate([pause, speech, pause])).seconds == pytest.approx(alone, abs=0.1)
    assert collected(pause).seconds < 0.2
    loud = 50 * pause[: len(speech)]  # some 20 dB below the speech
    assert collected(speech + loud).seconds < 0.75 * len(speech) / RATE
    assert collected(np.zeros(RATE)).seconds == 0


def test_the_clip_is_the_speech_and_a_tenth_of_a_second_around_it():
    sound = np.zeros(10 * RATE, np.float32)
    sound[3 * RATE : 4 * RATE] = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    clip = collected(sound).clip()
    assert len(clip) == pytest.approx(1.2 * RATE, abs=0.03 * RATE)
    assert np.array_equal(clip[1600 : 1600 + RATE], sound[3 * RATE : 4 * RATE])


def test_what_is_remembered_is_bounded():
    heard = collected(np.zeros(200 * RATE, np.float32), 16000)
    assert len(heard._parts) == len(heard._levels) == 9000


@pytest.mark.parametrize("mute", [False, True])
def test_until_then_the_input_passes_and_then_the_stream_of_its_profile_runs(model, capsys, mute):
    sound, profiles = talk(6), []
    stream = enrolling(model, mute=mute, done=profiles.append)
    out = run(stream, sound)
    assert len(out) == len(sound)
    said = capsys.readouterr().err
    after = float(said.split("enrolled after ")[1].split(" s")[0])
    assert 1.5 < after < 4  # a second of speech, pauses, a second to make the profile
    at = round(after * RATE) - model.latency
    assert np.array_equal(out[:at], np.zeros(at) if mute else sound[:at])
    assert isinstance(profiles[0], Profile)
    expected = run(model.stream(profiles[0]), sound)
    end = slice(at + round((FADE + WARM_UP + 1.0) * RATE), None)
    np.testing.assert_allclose(out[end], expected[end], atol=0.01)
    assert np.abs(expected - sound)[end].max() > 0.05
    assert ("there is silence" if mute else "passes unchanged") in said


def test_the_change_comes_at_the_same_sample_however_slow_the_enrolment_is(model, profile):
    import time

    def slow(clip):
        time.sleep(0.5)
        return profile

    sound = talk(4)
    outs = [run(enrolling(model, enrol=enrol), sound) for enrol in (slow, lambda clip: profile)]
    assert np.array_equal(*outs)
    assert not np.array_equal(outs[0], sound)


def test_a_clip_that_will_not_do_is_said_and_it_listens_on(model, profile, capsys):
    tries = []

    def enrol(clip):
        tries.append(clip)
        if len(tries) == 1:
            raise AudioError("it is all hum")
        return profile

    run(enrolling(model, enrol=enrol), talk(9))
    said = capsys.readouterr().err
    assert len(tries) == 2 and not np.array_equal(tries[0], tries[1][: len(tries[0])])
    assert "not enrolled: it is all hum; still listening" in said and "enrolled after" in said


def test_an_error_that_nobody_foresaw_is_raised(model):
    def enrol(clip):
        raise RuntimeError("odd")

    with pytest.raises(RuntimeError, match="odd"):
        run(enrolling(model, enrol=enrol), talk(6))


def test_an_input_that_ends_before_is_said(model, capsys):
    out = run(enrolling(model, 5.0), talk(2))
    assert np.array_equal(out, talk(2))
    assert "of 5 s of speech" in capsys.readouterr().err


def test_nobody_enrolled_is_a_mistake_and_what_came_still_goes_out(folder, tmp_path):
    given = ("--model", folder, "--enrol-live", 5, "--save-profile", tmp_path / "me.profile")
    piped = pse_stream(*given, stdin=s16(talk(2)))
    assert piped.code == 2 and "nobody was enrolled, and no profile written" in piped.err
    assert len(piped.raw) == len(s16(talk(2))) and not (tmp_path / "me.profile").exists()


def test_a_model_that_enrols_nobody_is_refused_at_once(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "live")
    content = json.loads((tmp_path / "live" / "manifest.json").read_text())
    content["enrolment"] |= {"graph": None, "reason": "its speaker encoder was left out"}
    (tmp_path / "live" / "manifest.json").write_text(json.dumps(content))
    piped = pse_stream("--model", tmp_path / "live", "--enrol-live", 1, stdin=s16(talk(3)))
    assert piped.code == 2 and not piped.raw
    assert piped.err.startswith(
        "pse: this export enrols nobody: its speaker encoder was left out; make a profile"
    )


def test_the_command_line_enrols_and_keeps_the_profile(folder, model, tmp_path):
    data = s16(talk(6))
    given = ("--model", folder, "--enrol-live", 1, "--save-profile", tmp_path / "me.profile")
    piped = pse_stream(*given, stdin=data)
    assert piped.code == 0, piped.err
    assert "wrote" in piped.err and len(piped.raw) == len(data)
    model.check_profile(Profile.load(tmp_path / "me.profile"))
    put(tmp_path / "in.wav", np.frombuffer(data, "<i2"))
    filed = pse_stream(tmp_path / "in.wav", *given, "--out", tmp_path / "out.wav")
    assert filed.code == 0, filed.err
    import soundfile

    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].tobytes() == piped.raw


def test_a_file_of_two_channels_has_no_first_speaker(folder, tmp_path):
    file = put(tmp_path / "two.wav", np.zeros((800, 2)))
    result = pse_stream(file, "--model", folder, "--enrol-live", 1)
    assert result.code == 2 and "hears one channel" in result.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--enrol-live", 0.5], "from 1 to 60 seconds"),
        (["--enrol-live", 3, "--enrol", "me.wav"], "leave the other enrolment out"),
        (["--save-profile", "me.profile"], "give --enrol or --enrol-live"),
        (["--mute-until-enrolled"], "goes with --enrol-live"),
        (["--profile", "a=b.wav"], "go with --control"),
        (["--control", "who"], "go with --control"),
        (["--format", "s24"], "one of s16, f32"),
        (["--input-device", "0", "FILE"], "for live audio, not for a FILE"),
        (["--meter", "FILE"], "for live audio, not for a FILE"),
        (["--format", "f32", "FILE"], "for live audio, not for a FILE"),
        (["--dry-wet", 2], "from 0, the input"),
    ],
)
def test_what_cannot_be_meant_is_one_line(folder, tmp_path, args, said):
    file = put(tmp_path / "in.wav", talk(0.2))
    result = pse_stream("--model", folder, *[file if arg == "FILE" else arg for arg in args])
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
