"""Another speaker without a click; names from a FIFO or a file."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from live_rig import RATE, pse_stream, run, s16, talk
from pse_runtime.control import Control, ControlledStream
from pse_runtime.errors import ConfigError
from pse_runtime.guard import RecoveringStream
from pse_runtime.switching import PassingStream, SwitchingStream
from pse_runtime.voices import find_voices

FADE, WARM_UP = 800, 1600


def switching(model, who):
    return SwitchingStream(model.stream, who, FADE, WARM_UP)


def tone(seconds, pitch=200.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("block", [32, 100, 480])
def test_after_the_fade_the_result_is_that_of_a_stream_for_the_new_speaker(model, voices, block):
    sound, at = tone(1.5) + talk(1.5), 4833
    stream = switching(model, voices[0])
    reference = model.stream(voices[0])
    before = stream.feed(sound[:at])
    assert np.array_equal(before, reference.feed(sound[:at]))
    new = model.stream(voices[1])
    new.take_over(reference)
    stream.switch(voices[1])
    after, expected = run(stream, sound[at:], block), run(new, sound[at:])
    assert len(before) + len(after) == len(sound)
    assert np.array_equal(after[WARM_UP + FADE :], expected[WARM_UP + FADE :])
    old = run(reference, sound[at:])
    assert np.array_equal(after[: WARM_UP - 1], old[: WARM_UP - 1])
    share, fading = (1 + np.arange(FADE)) / FADE, slice(WARM_UP, WARM_UP + FADE)
    np.testing.assert_allclose(after[fading], (1 - share) * old[fading] + share * expected[fading], atol=1e-5)
    assert np.abs(old - expected).max() > 0.01  # else there is nothing to fade


def test_there_is_no_click(model, voices):
    """The step between samples is no larger than in one of the two streams, but for the little that the fade adds."""
    sound = tone(1.0)
    alone = [run(model.stream(voice), sound) for voice in voices]
    assert np.abs(alone[0] - alone[1]).max() > 0.05
    stream = switching(model, voices[0])
    parts = []
    for i in range(0, len(sound), 160):
        if i in (4800, 9600):
            stream.switch(voices[1] if i == 4800 else voices[0])
        parts.append(stream.feed(sound[i : i + 160]))
    out = np.concatenate([*parts, stream.flush()])
    largest = max(np.abs(np.diff(each)).max() for each in alone)
    spread = np.abs(alone[0] - alone[1]).max()
    assert np.abs(np.diff(out)[64:]).max() <= 1.2 * largest + 2 * spread / FADE


def test_who_is_named_during_a_change_comes_after_it_and_only_the_last(model, voices):
    made = []

    def make(who):
        made.append(who)
        return model.stream(voices[who == "b"])

    stream = SwitchingStream(make, "a", FADE, 0)
    stream.switch("a")
    stream.feed(talk(0.1))
    assert made == ["a"] and not stream.changing
    stream.switch("b")
    stream.feed(talk(0.01))
    for who in ("c", "d"):
        stream.switch(who)
        stream.feed(talk(0.01))
    assert made == ["a", "b"] and stream.who == "d"
    stream.feed(talk(0.1))
    stream.feed(talk(0.1))
    assert made == ["a", "b", "d"]
    stream.feed(talk(0.1))
    assert not stream.changing


def test_a_stream_that_ran_before_starts_as_a_new_one(model, voices):
    ready = [model.stream(voice) for voice in voices]
    stream, sound = SwitchingStream(lambda who: ready[who], 0, FADE, WARM_UP), talk(1.0)
    stream.feed(sound[:4000])
    for at, who in ((4000, 1), (8000, 0)):
        stream.switch(who)
        old = stream._now
        fresh = model.stream(voices[who])
        fresh.take_over(old)
        out = stream.feed(sound[at : at + 4000])
        assert np.array_equal(out[WARM_UP + FADE :], fresh.feed(sound[at : at + 4000])[WARM_UP + FADE :])


def test_a_stream_of_another_kind_takes_over_in_time(model, profile):
    passing = PassingStream(model.hop, model.latency)
    stream = SwitchingStream(lambda who: model.stream(who) if who else passing, None, FADE, 1600)
    sound, at = talk(1.0), 3333
    before = stream.feed(sound[:at])
    stream.switch(profile)
    out = np.concatenate([before, run(stream, sound[at:], 100)])
    assert len(out) == len(sound)
    unheard = at - model.latency + 1600
    assert np.array_equal(out[:unheard], sound[:unheard])
    expected = run(model.stream(profile), sound)
    np.testing.assert_allclose(
        out[at + 4000 :], expected[at + 4000 :], atol=0.02
    )  # another past, soon forgotten
    assert np.abs(expected - sound)[at + 4000 :].max() > 0.05


@pytest.mark.parametrize("block", [1, 31, 64, 500])
def test_what_passes_is_as_late_as_a_models_result(model, profile, block):
    streams = PassingStream(model.hop, model.latency), model.stream(profile)
    sound = talk(0.1)
    for i in range(0, len(sound), block):
        passed, enhanced = (stream.feed(sound[i : i + block]) for stream in streams)
        assert len(passed) == len(enhanced)
    assert np.array_equal(run(PassingStream(model.hop, model.latency), sound, block), sound)
    assert not run(PassingStream(model.hop, model.latency, mute=True), sound, block).any()


def test_a_bad_state_amid_a_change_is_thrown_away_in_both(model, voices):
    inner = switching(model, voices[0])
    guard, sound = RecoveringStream(inner), talk(0.5)
    guard.feed(sound[:3200])
    inner.switch(voices[1])
    guard.feed(sound[3200:3300])
    for stream in (inner._now, inner._next):
        saved = stream.save()
        for array in saved["arrays"].values():
            array[:] = np.nan
        stream.restore(saved)
    rest = run(guard, sound[3300:], 32)
    assert guard.restarts == 1 and np.isfinite(rest).all() and rest.any()


def test_names_in_a_fifo_are_read_without_waiting(tmp_path):
    path = tmp_path / "who"
    started = time.monotonic()
    with Control(path) as control:
        assert control.lines() == []
        writer = os.open(path, os.O_WRONLY)
        os.write(writer, b"ann\nbo")
        assert control.lines() == ["ann"]
        os.write(writer, b"b\n\n")
        os.close(writer)
        assert control.lines() == ["bob"]
        assert control.lines() == []
        path.write_text("ann\n")  # another writer
        assert control.lines() == ["ann"]
    assert not path.exists()
    assert time.monotonic() - started < 5


def test_the_last_line_of_a_file_counts_when_it_changes(tmp_path):
    path = tmp_path / "who"
    path.write_text("ann\n")
    with Control(path) as control:
        assert control.lines() == ["ann"]
        assert control.lines() == []
        path.write_text("ann\nbob\n")
        assert control.lines() == ["bob"]
        path.write_text("")
        assert control.lines() == []
        path.unlink()
        assert control.lines() == []
        path.write_text("ann")
        assert control.lines() == ["ann"]
    assert path.exists()


def test_what_is_neither_file_nor_fifo_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="neither a FIFO nor a file"):
        Control(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        Control(tmp_path / "no" / "where")


def test_names_choose_and_unknown_ones_are_said(model, voices, tmp_path, capsys):
    path = tmp_path / "who"
    path.write_text("")
    named = dict(zip(("ann", "bob"), voices))
    with Control(path) as control:
        inner = switching(model, voices[0])
        stream = ControlledStream(inner, named, control)
        stream.feed(talk(0.01))
        path.write_text("carl")
        stream.feed(talk(0.01))
        assert inner.who is voices[0]
        path.write_text("bob")
        stream.feed(talk(0.1))
        assert inner.who is voices[1]
    said = capsys.readouterr().err.splitlines()
    assert said == ["pse: nobody is called 'carl'; there are: ann, bob", "pse: now keeping bob"]


def test_profiles_have_names(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.profile").touch()
    (tmp_path / "note.txt").touch()
    assert list(find_voices(tmp_path, ["me=x=y.wav"])) == ["me", "a", "b"]
    with pytest.raises(ConfigError, match="two profiles are called 'a'"):
        find_voices(tmp_path, ["a=me.wav"])
    with pytest.raises(ConfigError, match="NAME=FILE"):
        find_voices(None, ["me.wav"])
    with pytest.raises(ConfigError, match=r"no \*.profile there"):
        find_voices(tmp_path / "none", [])


class Slow:
    """Raw PCM that lets something happen in the middle."""

    def __init__(self, data, at, then):
        self._data, self._place, self._at, self._then = data, 0, at, then

    def read(self, size):
        if self._place >= self._at and self._then:
            self._then()
            self._then = None
        self._place += size
        return self._data[self._place - size : self._place]


def test_a_fifo_is_gone_after_sigterm(folder, voices, tmp_path):
    voices[0].save(tmp_path / "ann.profile")
    path = tmp_path / "who"
    code = "from pse_runtime.cli import main; main()"
    given = ["--model", folder, "--profiles", tmp_path, "--control", path]
    running = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, given)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        while not path.exists():
            assert running.poll() is None
            time.sleep(0.05)
        time.sleep(0.2)
        running.terminate()
        assert running.wait(30) == 128 + 15
    finally:
        running.kill()
        running.stdin.close()
    assert not path.exists()


def test_the_command_line_changes_to_whoever_is_written(folder, model, voices, tmp_path):
    for name, voice in zip(("ann", "bob"), voices):
        voice.save(tmp_path / f"{name}.profile")
    data, path = s16(tone(1.0)), tmp_path / "who"
    given = ("--model", folder, "--profiles", tmp_path, "--control", path)
    source = Slow(data, 16000, lambda: path.write_text("bob\n"))  # bytes: after half a second
    result = pse_stream(*given, stdin=source)
    assert result.code == 0, result.err
    assert f"keeping ann; write a name to {path}: ann, bob" in result.err
    assert result.err.count("now keeping bob") == 1
    assert not path.exists()  # a FIFO of its own
    out = np.frombuffer(result.raw, "<i2") / 32768
    sound = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    alone = [run(model.stream(voice), sound) for voice in voices]
    np.testing.assert_allclose(out[:7500], alone[0][:7500], atol=1e-4)
    end = slice(14000, 16000)
    assert np.abs(out - alone[1])[end].max() < 0.2 * np.abs(out - alone[0])[end].max()
