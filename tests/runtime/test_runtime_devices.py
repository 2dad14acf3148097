"""Sound devices: always as late, also after a stall; what is lost is counted; what was written is kept."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from fake_sounddevice import FakeSound
from live_rig import pse_stream, run, talk
from pse_runtime.duplex import Duplex
from pse_runtime.guard import CleanedStream

BLOCK, WAIT = 160, 480


def flags(**given):
    return SimpleNamespace(**{"input_overflow": False, "output_underflow": False, **given})


class Gate:
    """A stream that gives what it takes, but only while the gate is open."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()

    def feed(self, block):
        self.open.wait(20)
        return block

    def flush(self):
        return np.zeros(0, np.float32)


class Rig:
    """A duplex, and a device that calls when it is told to."""

    def __init__(self, stream=None, wait=WAIT):
        self.gate = stream or Gate()
        self.kept = []
        self.duplex = Duplex(self.gate, 16000, wait, self.kept.append)
        self.duplex.start()
        self.sent = 0
        self.out = []

    def call(self, settle=True, **status):
        """Bring the numbers of the samples as samples; let the thread finish with them."""
        came = np.arange(self.sent, self.sent + BLOCK, dtype=np.float32)[:, None]
        out = np.full((BLOCK, 2), np.nan, np.float32)
        self.duplex.callback(came, out, BLOCK, None, flags(**status))
        assert np.array_equal(out[:, 0], out[:, 1])
        self.sent += BLOCK
        self.out.append(out[:, 0])
        if settle:
            self.settle()

    def settle(self):
        end = time.monotonic() + 20
        while self.duplex.waiting < WAIT and time.monotonic() < end:
            time.sleep(0.001)

    def lateness(self):
        """How many samples the newest that came out is late."""
        return self.sent - BLOCK - self.out[-1][0]


def test_the_wait_is_what_was_asked_for_from_the_start():
    rig = Rig()
    for _ in range(10):
        rig.call()
    heard = np.concatenate(rig.out)
    assert not heard[:WAIT].any()
    assert np.array_equal(heard[WAIT:], np.arange(10 * BLOCK - WAIT))
    assert (rig.duplex.underflows, rig.duplex.overflows, rig.duplex.dropped) == (0, 0, 0)
    rig.duplex.stop()


@pytest.mark.parametrize("blocks", [4, 50])
def test_after_a_stall_the_wait_is_as_before_and_what_was_late_is_counted(blocks):
    """The thread stands still, as a stopped process does; then the device's calls come all at once."""
    rig = Rig()
    for _ in range(10):
        rig.call()
    assert rig.lateness() == WAIT
    rig.gate.open.clear()
    for _ in range(blocks):
        rig.call(settle=False)
    assert not rig.out[-1].any()  # silence, where nothing is ready
    rig.gate.open.set()
    rig.settle()
    for _ in range(5):
        rig.call()
        assert rig.lateness() == WAIT
    missing = blocks * BLOCK - WAIT
    assert rig.duplex.underflows == blocks - WAIT // BLOCK
    assert rig.duplex.dropped == missing
    assert (rig.duplex.overflows > 0) == (blocks * BLOCK > 4000)  # a quarter of a second may wait
    rig.duplex.stop()


STOPPED = """
import sys, time
from types import SimpleNamespace
import numpy as np
from pse_runtime.duplex import Duplex
from pse_runtime.switching import PassingStream

BLOCK, WAIT, flags = 160, 640, SimpleNamespace(input_overflow=False, output_underflow=False)
class Working(PassingStream):
    def feed(self, block):
        time.sleep(0.002)
        return super().feed(block)
duplex = Duplex(Working(BLOCK, 2 * BLOCK), 16000, WAIT)
duplex.start()
print("ready", flush=True)
begun, late = time.monotonic(), []
for i in range(160):  # a device with a long buffer: after a stop it calls for all that it has
    if (early := begun + i / 100 - time.monotonic()) > 0:
        time.sleep(early)
    came = 1 + np.arange(i * BLOCK, (i + 1) * BLOCK, dtype=np.float32)[:, None]
    out = np.zeros((BLOCK, 1), np.float32)
    duplex.callback(came, out, BLOCK, None, flags)
    late.append((came - out)[out != 0])
duplex.stop()
end = np.concatenate(late[-20:])
print(sorted(set(np.concatenate(late).tolist())), len(end), duplex.underflows, duplex.dropped)
"""


def test_a_process_that_was_stopped_is_no_later_than_before():
    process = subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.4)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    process.send_signal(signal.SIGCONT)
    lateness, heard, missed, dropped = process.communicate(timeout=60)[0].rsplit(" ", 3)
    assert lateness == "[640.0]"  # of every sample that was heard
    assert int(heard) > 0 and int(missed) > 10 and int(dropped) > 1600


def test_a_file_gets_all_that_was_worked_on_even_what_was_too_late_to_be_heard():
    rig = Rig()
    rig.call()
    rig.gate.open.clear()
    for _ in range(8):
        rig.call(settle=False)
    rig.gate.open.set()
    rig.settle()
    rig.duplex.stop()
    assert np.array_equal(np.concatenate(rig.kept), np.arange(rig.sent))


def test_what_the_device_says_is_counted():
    rig = Rig()
    rig.call(input_overflow=True)
    rig.call(output_underflow=True)
    rig.call()
    assert (rig.duplex.overflows, rig.duplex.underflows) == (1, 1)
    rig.duplex.stop()


def test_an_error_in_the_thread_ends_it_and_is_kept():
    class Broken(Gate):
        def feed(self, block):
            raise RuntimeError("no")

    rig = Rig(Broken())
    rig.call(settle=False)
    rig.duplex._thread.join(20)
    assert str(rig.duplex.error) == "no"
    rig.duplex.stop()


def test_channels_are_averaged():
    kept = []
    duplex = Duplex(Gate(), 16000, 0, kept.append)
    duplex.start()
    came = np.stack([np.full(BLOCK, 0.2), np.full(BLOCK, 0.4)], 1).astype(np.float32)
    duplex.callback(came, np.zeros((BLOCK, 1), np.float32), BLOCK, None, flags())
    duplex.stop()
    np.testing.assert_allclose(np.concatenate(kept), np.full(BLOCK, 0.3), atol=1e-6)


@pytest.fixture
def sound(monkeypatch):
    """Put the stand-in where the package would be; ``sound(play)``."""

    def put(play=lambda stream: None, **options):
        fake = FakeSound(play, **options)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        return fake

    return put


@pytest.fixture
def given(folder, profile, tmp_path):
    profile.save(tmp_path / "me.profile")
    return ("--model", folder, "--enrol", tmp_path / "me.profile")


def player(sound, heard, block_pause=0.0):
    """Play a sound to the device, then lose it."""

    def play(stream):
        for i in range(0, len(sound) - stream.block + 1, stream.block):
            heard.append(stream.call(sound[i : i + stream.block]))
            time.sleep(block_pause)

    return play


def test_a_lost_device_is_one_line_and_code_1_and_what_was_written_is_kept(
    sound, given, model, profile, tmp_path
):
    heard, mixture = [], talk(0.2)
    fake = sound(player(mixture, heard))
    result = pse_stream(*given, "--input-device", "default", "--out", tmp_path / "out.wav")
    assert result.code == 1
    lines = result.err.splitlines()
    assert lines[-1] == "pse: the sound device is lost; what came until then is kept"
    assert lines[-2] == f"pse: wrote {tmp_path / 'out.wav'}"
    assert "from microphone to headset at 16000 Hz" in result.err
    written, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    expected = run(CleanedStream(model.stream(profile)), mixture)
    assert rate == 16000
    np.testing.assert_allclose(written, expected[: len(written)], atol=2e-5)
    assert len(written) == len(mixture) // model.hop * model.hop
    assert fake.opened[0].closed
    assert np.isfinite(np.concatenate(heard)).all()


def test_what_is_heard_is_the_result_a_constant_time_later(sound, given, model, profile):
    heard, mixture = [], talk(0.3)
    sound(player(mixture, heard, 0.02))
    result = pse_stream(*given, "--output-device", "headset", "--block", 320)
    assert result.code == 1
    out = np.concatenate(heard)[:, 0]
    expected = run(model.stream(profile), mixture)
    if "not ready" not in result.err:  # a busy machine may miss a block, and says so
        wait = 2 * 320 + model.latency - model.hop
        np.testing.assert_allclose(out[wait:], expected[: len(out) - wait], atol=1e-6)


def test_the_rate_is_the_models_if_both_devices_take_it_and_theirs_otherwise(sound, given):
    fake = sound(rates=(44100, 48000), channels=(2,))
    result = pse_stream(*given, "--input-device", "0", "--output-device", "head")
    assert (fake.opened[0].rate, fake.opened[0].channels) == (48000, (2, 2))
    assert fake.opened[0].rest["device"] == (0, "head")
    assert fake.opened[0].block == 96  # one hop of 32 samples at 16 kHz
    assert "resampling from 48000 Hz adds" in result.err
    pse_stream(*given, "--input-device", "0", "--rate", "44100")
    assert fake.opened[1].rate == 44100


def test_devices_that_are_not_there_or_busy_are_said(sound, given):
    fake = sound()
    for name in ("tuba", "7"):
        result = pse_stream(*given, "--input-device", name)
        assert result.code == 2 and "--list-devices shows them" in result.err
    result = pse_stream(*given, "--input-device", "default", "--rate", "22050")
    assert result.code == 2 and "do not both take 22050 Hz" in result.err
    fake.fails = True
    result = pse_stream(*given, "--input-device", "default")
    assert result.code == 1
    assert "cannot be opened (Device unavailable); is another program using them?" in result.err


def test_devices_are_listed_without_a_model(sound):
    sound()
    result = pse_stream("--list-devices")
    assert (result.code, result.out) == (0, "  0 microphone\n  1 headset\n")


def test_a_device_that_falls_silent_is_lost(sound, given, monkeypatch):
    monkeypatch.setattr("pse_runtime.devices._PATIENCE", 3)
    started = time.monotonic()
    fake = sound(lambda stream: stream.over.wait(60))
    result = pse_stream(*given, "--input-device", "default")
    assert result.code == 1 and "lost" in result.err and fake.opened[0].closed
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_how_it_ends(sound, given, tmp_path, by):
    def play(stream):
        for _ in range(20):
            stream.call(talk(0.01)[: stream.block])
        os.kill(os.getpid(), by)
        stream.over.wait(20)

    sound(play)
    before = signal.getsignal(by)
    result = pse_stream(*given, "--input-device", "default", "--out", tmp_path / "out.wav")
    assert result.code == 0, result.err
    assert soundfile.info(tmp_path / "out.wav").frames == 20 * 32
    assert signal.getsignal(by) is before


def test_without_the_package_or_its_library_the_remedy_is_said(given, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = pse_stream(*given, "--input-device", "default")
    assert result.code == 2 and 'pip install "pse-runtime[live]"' in result.err
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.syspath_prepend(tmp_path)
    result = pse_stream("--list-devices")
    assert result.code == 2 and "apt install libportaudio2" in result.err
    assert result.err.count("\n") == 1


def test_the_meter_shows_levels_latency_load_and_misses(sound, given, monkeypatch):
    monkeypatch.setattr("pse_runtime.meter._EVERY", 0.2)
    mixture = np.full(16000, 0.1, np.float32)
    sound(player(mixture, [], 0.002))
    result = pse_stream(*given, "--input-device", "default", "--meter")
    lines = [line for line in result.err.splitlines() if "dBFS" in line]
    assert lines
    assert "in -20 dBFS" in lines[0]
    wait = 1000 * (64 + 32) / 16000 + 30
    assert f"latency {wait:.0f} ms" in lines[0]
    assert " %, misses " in lines[0]
