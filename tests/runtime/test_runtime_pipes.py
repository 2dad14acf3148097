"""Raw PCM through a pipe gives, sample for sample, what the file gives; f32 carries what s16 cannot."""

import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from live_rig import RATE, pse_stream, put, run, s16, talk
from pse_runtime import cli
from pse_runtime.cli import parser
from pse_runtime.meter import Meter, MeteredStream
from pse_runtime.options import LiveOptions
from pse_runtime.say import remark, status

STREAM = [sys.executable, "-c", "from pse_runtime.cli import main; main()"]


@pytest.fixture
def given(folder, profile, tmp_path):
    profile.save(tmp_path / "me.profile")
    return [str(word) for word in ("--model", folder, "--enrol", tmp_path / "me.profile")]


@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_pipe_of_s16_gives_the_samples_of_the_file(given, tmp_path, rate):
    data = s16(talk(0.5, rate=rate))
    put(tmp_path / "in.wav", np.frombuffer(data, "<i2"), rate)
    piped = pse_stream(*given, "--rate", rate, stdin=data)
    assert pse_stream(tmp_path / "in.wav", *given, "--out", tmp_path / "out.wav").code == 0
    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].tobytes() == piped.raw
    assert any(piped.raw)


def test_f32_is_neither_rounded_nor_clipped(given, model, profile):
    sound = 20 * talk(0.3)
    result = pse_stream(*given, "--format", "f32", stdin=sound.astype("<f4").tobytes())
    assert np.array_equal(np.frombuffer(result.raw, "<f4"), run(model.stream(profile), sound))
    assert result.err == ""


def test_no_number_in_f32_is_silence_and_said_once(given):
    sound = talk(0.3)
    sound[1000:2000] = 0
    clean = pse_stream(*given, "--format", "f32", stdin=sound.astype("<f4").tobytes())
    sound[1000:2000] = np.nan
    result = pse_stream(*given, "--format", "f32", stdin=sound.astype("<f4").tobytes())
    assert result.raw == clean.raw
    assert result.err == "pse: the input holds NaN or infinite samples: they are taken for silence\n"


def test_bytes_that_are_no_whole_sample_are_left_out_and_said(given):
    result = pse_stream(*given, "--format", "f32", stdin=bytes(402))
    assert (result.code, len(result.raw)) == (0, 400)
    assert "its last 2 bytes are left out" in result.err


def test_both_kinds_of_pipe_at_48_khz_are_as_long_as_what_went_in(given):
    for name, width in (("s16", 2), ("f32", 4)):
        result = pse_stream(*given, "--rate", 48000, "--format", name, stdin=bytes(4801 * width))
        assert len(result.raw) == 4801 * width


def test_a_meter_in_a_pipe_is_a_line_a_second(given, monkeypatch):
    monkeypatch.setattr("pse_runtime.meter._EVERY", 0.0)
    data = s16(np.full(3200, 0.1))
    result = pse_stream(*given, "--meter", stdin=data)
    lines = [line for line in result.err.splitlines() if "dBFS" in line]
    assert len(lines) == 100  # a block each
    assert "in -20 dBFS" in lines[50] and "latency 4 ms" in lines[50]
    assert "dBFS" not in pse_stream(*given, stdin=data).err


def test_the_meter_says_what_it_measured(monkeypatch):
    clock, busy = iter([0.0, 0.5, 2.0, 2.0, 2.0]), iter([1.0, 1.5, 1.5])
    meter = Meter(lambda: 41.6, lambda: 3, lambda: next(clock), lambda: next(busy))
    meter.take(np.full(100, 0.1), np.zeros(50))
    meter.tick()  # half a second: not yet
    meter.take(np.full(100, 0.1), np.zeros(0))
    lines = []
    monkeypatch.setattr("pse_runtime.meter.status", lines.append)
    meter.tick()
    assert lines == ["in -20 dBFS, out -inf dBFS, latency 42 ms, cpu 25 %, misses 3"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_the_meter_stays_in_one_line_and_words_take_its_place(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    status("in -20 dBFS")
    status("in -21 dBFS")
    remark("wrote it")
    remark("bye")
    shown = sys.stderr.getvalue()
    assert shown == "\r\x1b[Kpse: in -20 dBFS\r\x1b[Kpse: in -21 dBFS\r\x1b[Kpse: wrote it\npse: bye\n"


def test_the_meter_is_on_with_devices_and_a_terminal_or_where_it_is_asked_for(monkeypatch):
    device = {"input_device": "default"}
    assert not LiveOptions(**device).metered
    assert LiveOptions(**device, meter=True).metered and LiveOptions(meter=True).metered
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert LiveOptions(**device).metered
    assert not LiveOptions().metered and not LiveOptions(**device, meter=False).metered


def test_blocks_that_take_longer_than_they_last_are_counted():
    import time

    class Slow:
        def feed(self, block):
            time.sleep(0.02 if block[0] else 0)
            return block

    stream = MeteredStream(Slow(), RATE)
    for value in (1, 0, 1):
        stream.feed(np.full(160, value, np.float32))
    assert stream.late >= 2
    stream = MeteredStream(Slow(), 1)
    stream.feed(np.zeros(160, np.float32))
    assert stream.late == 0


def test_a_process_answers_before_the_input_ends_and_ends_with_its_reader(given):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*STREAM, *given, "--block", "32"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    process.stdin.write(s16(talk(0.1)))
    process.stdin.flush()
    assert len(process.stdout.read(3000)) == 3000
    process.stdout.close()
    try:
        process.stdin.write(s16(talk(5)))
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(30) == 0
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["sox", "ffmpeg"])
def test_the_pipelines_of_the_page_give_the_samples_of_the_file(given, tmp_path, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    put(tmp_path / "in.wav", talk(1.0))
    raw = {
        "sox": ["sox", "in.wav", "-t", "raw", "-r", "16000", "-e", "signed", "-b", "16", "-c", "1", "-"],
        "ffmpeg": ["ffmpeg", "-v", "error", "-i", "in.wav", "-f", "s16le", "-ar", "16000", "-ac", "1", "-"],
    }[tool]
    pcm = subprocess.run(raw, cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    piped = pse_stream(*given, "--rate", 16000, stdin=pcm)
    pse_stream(tmp_path / "in.wav", *given, "--out", tmp_path / "out.wav")
    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].tobytes() == piped.raw


@pytest.mark.parametrize(
    ("given", "said"),
    [(["--foo"], "unrecognized arguments: --foo"), (["--rate", "abc"], "argument --rate: invalid int value")],
)
def test_a_mistaken_option_is_one_line(given, said, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.run(given)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pse: {said}") and error.count("\n") == 1


def test_every_option_has_a_line_of_help():
    for action in parser()._actions:
        assert action.help, action.option_strings
