"""``pse stream``: raw PCM in a pipe, of any block size, and a file as if it came live."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import RATE, ROOT, model, pse, put, talk

from pse_plugins import bundle


@pytest.fixture
def clip(tmp_path):
    return put(tmp_path / "clip.wav", talk(3, seed=9))


def pcm(samples):
    return np.round(samples * 32768).astype("<i2").tobytes()


def stream(clip, *args, stdin):
    return pse("stream", "--enrol", clip, *args, "--model", model(), stdin=stdin)


def test_a_pipe_gives_what_offline_gives(clip):
    data = pcm(talk(1.01))
    result = stream(clip, "--rate", RATE, stdin=data)
    assert result.code == 0, result.err
    assert len(result.raw) == len(data)
    enhancer = bundle.load(model())
    mixture = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    expected = enhancer.enhance(mixture, RATE, [soundfile.read(clip)[0]])
    np.testing.assert_allclose(np.frombuffer(result.raw, "<i2") / 32768, expected, atol=1e-4)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("block", [1, 7, 64, 161, 4000, 100000])
def test_blocks_of_any_size_give_the_same_bytes(clip, block):
    data = pcm(talk(0.3))
    assert stream(clip, "--block", block, stdin=data).raw == stream(clip, stdin=data).raw


@pytest.mark.parametrize("rate", [16000, 44100])
def test_another_rate_comes_out_as_long_as_it_went_in(clip, rate):
    data = pcm(talk(0.5, rate))
    result = stream(clip, "--rate", rate, stdin=data)
    assert result.code == 0
    assert re.search(
        rf"^pse: resampling from {rate} Hz adds [1-9]\d+ ms; .*, 8000 Hz, none$", result.err, re.M
    )
    enhancer = bundle.load(model())
    mixture = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    profile = enhancer.enrol([soundfile.read(clip)[0]], RATE)
    expected = enhancer.enhance(mixture, rate, profile)
    np.testing.assert_allclose(np.frombuffer(result.raw, "<i2") / 32768, expected, atol=1e-4)


def test_an_odd_last_byte_is_left_out_and_said(clip):
    data = pcm(talk(0.3))
    result = stream(clip, stdin=data + b"x")
    assert result.code == 0
    assert result.raw == stream(clip, stdin=data).raw
    assert "its last byte is left out" in result.err


def test_nothing_in_is_an_error(clip):
    result = stream(clip, stdin=b"")
    assert (result.code, result.raw) == (2, b"")
    assert result.err == "pse: no audio came in on stdin; check what should write to the pipe\n"


def test_a_file_on_stdin_is_not_taken_for_samples(clip):
    result = stream(clip, stdin=Path(clip).read_bytes())
    assert (result.code, result.raw) == (2, b"")
    assert "name the file instead" in result.err


def test_samples_that_are_too_loud_are_clipped_and_counted(clip, monkeypatch):
    from pse_plugins.stream import Stream

    monkeypatch.setattr(Stream, "feed", lambda self, block: block * 4)
    monkeypatch.setattr(Stream, "flush", lambda self: np.zeros(0, np.float32))
    result = stream(clip, stdin=pcm(np.array([0.5, -0.5, 0.1])))
    assert np.frombuffer(result.raw, "<i2").tolist() == [32767, -32768, 13108]
    assert "2 samples were too loud" in result.err


def test_it_answers_before_the_input_ends(clip):
    """Blocks come out as they go in: nothing waits for the end of the pipe."""
    process = start(clip)
    process.stdin.write(pcm(talk(0.1)))  # 1600 bytes: less than any buffer
    process.stdin.flush()
    assert len(process.stdout.read(1000)) == 1000
    process.stdin.close()
    assert len(process.stdout.read()) == 600
    assert process.wait(20) == 0


def test_a_reader_that_goes_away_ends_it_quietly(clip):
    process = start(clip)
    process.stdin.write(pcm(talk(0.2)))
    process.stdin.flush()
    process.stdout.read(100)
    process.stdout.close()
    try:
        process.stdin.write(pcm(talk(20)))
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(20) == 0
    assert process.stderr.read() == b""


def test_what_a_component_prints_does_not_get_between_the_samples(clip):
    chatty = (
        "import os, sys; from pse_plugins.backbones.gru import Gru; from pse_plugins.cli import run; step = Gru.step\n"
        "def loud(*a): print('hi'); os.system('echo ho'); return step(*a)\n"
        "Gru.step = loud; sys.exit(run(sys.argv[1:]))"
    )
    args = [str(a) for a in ("stream", "--enrol", clip, "--rate", RATE, "--model", model())]
    data = pcm(talk(0.1))
    done = subprocess.run(
        [sys.executable, "-c", chatty, *args], input=data, capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout == stream(clip, "--rate", RATE, stdin=data).raw
    assert b"hi" in done.stderr and b"ho" in done.stderr


def start(clip):
    """Run it as a process of its own, with a pipe on every side."""
    args = ["stream", "--enrol", clip, "--rate", str(RATE), "--model", model()]
    return subprocess.Popen(
        [sys.executable, "-m", "pse_plugins.cli", *args],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_file_shows_latency_speed_and_the_difference_from_offline(tmp_path, clip):
    mixture = put(tmp_path / "mix.wav", talk(2))
    result = pse("stream", mixture, "--enrol", clip, "--out", tmp_path / "out.wav", "--model", model())
    assert result.code == 0, result.err
    latency, blocks, speed, difference = result.out.splitlines()
    assert latency.split() == ["algorithmic", "latency", "16.0", "ms", "(128", "samples)"]
    assert blocks.startswith("in blocks of 64")
    assert "16.0 ms at most" in blocks
    assert float(speed.split()[2]) > 0
    assert float(difference.split()[3]) < 1e-4
    assert soundfile.info(tmp_path / "out.wav").frames == 2 * RATE


def test_bigger_blocks_and_other_rates_wait_longer_and_say_so(tmp_path, clip):
    mixture = put(tmp_path / "mix.wav", talk(2, 44100), 44100)
    waits = []
    for block in (441, 8820):
        result = pse("stream", mixture, "--enrol", clip, "--block", block, "--model", model())
        waits.append(float(result.out.splitlines()[1].split("ms at most")[0].split()[-1]))
        name, said = result.out.splitlines()[2].split(maxsplit=1)
        assert name == "resampling" and said.endswith("ms of them: from 44100 Hz to 8000 Hz and back")
        assert 0 < float(said.split()[0]) < waits[-1] - 16
    assert 16 < waits[0] < waits[1]
    assert waits[1] >= 200


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--rate", "0"], "--rate is in Hz, from 4000"),
        (["--block", "-3"], "--block must be at least 1"),
        (["--out", "x.wav"], "--out goes with a FILE"),
        (["FILE", "--rate", "16000"], "leave --rate out"),
        (["FILE", "--out", "FILE"], "would replace the input"),
        (["gone.wav"], "no such file"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path, clip, args, message):
    mixture = put(tmp_path / "mix.wav", talk(1))
    result = stream(clip, *[mixture if arg == "FILE" else arg for arg in args], stdin=b"")
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_terminal_is_no_place_for_pcm(clip, monkeypatch):
    import rig

    original = rig.SimpleNamespace
    monkeypatch.setattr(
        rig,
        "SimpleNamespace",
        lambda **kw: original(**{k: (lambda: True) if k == "isatty" else v for k, v in kw.items()}),
    )
    result = stream(clip, stdin=b"")
    assert result.code == 2
    assert "pipe both, or name a FILE" in result.err
