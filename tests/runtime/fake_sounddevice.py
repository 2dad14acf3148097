"""A stand-in for the package sounddevice: two devices, callbacks when a test wants them, stalls, devices that go."""

import threading
from types import SimpleNamespace

import numpy as np


class PortAudioError(Exception):
    """What the library raises."""


class DeviceList(tuple):
    """The devices, as a table when printed."""

    def __repr__(self):
        return "\n".join(f"  {i} {each['name']}" for i, each in enumerate(self))


class FakeSound:
    """The module: its ``play`` says what happens while a stream is open, in a thread of its own.

    Parameters
    ----------
    play : callable
        Given the open stream; `Stream.call` brings a block. The device is lost when it returns.
    rates, channels : tuple
        Rates that both devices take, numbers of channels that they take.
    """

    PortAudioError = PortAudioError

    def __init__(self, play, rates=(16000, 48000), channels=(1, 2)):
        self._play, self._rates, self._channels = play, rates, channels
        self.opened = []
        self.fails = False

    def query_devices(self, device=None, kind=None):
        about = [
            {"name": name, "default_samplerate": float(self._rates[-1])} for name in ("microphone", "headset")
        ]
        for each in about:
            each.update(max_input_channels=max(self._channels), max_output_channels=max(self._channels))
        if kind is None:
            return DeviceList(about)
        if device is None:
            return about[kind == "output"]
        if isinstance(device, int):
            if device > 1:
                raise PortAudioError(f"Error querying device {device}")
            return about[device]
        found = [each for each in about if device in each["name"]]
        if not found:
            raise ValueError(f"No input device matching {device!r}")
        return found[0]

    def _check(self, device, channels, dtype, samplerate):
        if samplerate not in self._rates or channels not in self._channels:
            raise PortAudioError("Invalid sample rate or number of channels")

    check_input_settings = check_output_settings = _check

    def Stream(self, **options):
        if self.fails:
            raise PortAudioError("Device unavailable")
        stream = _Stream(self._play, **options)
        self.opened.append(stream)
        return stream


class _Stream:
    latency = (0.01, 0.02)

    def __init__(self, play, samplerate, blocksize, channels, callback, finished_callback, **rest):
        self.rate, self.block, self.channels, self.rest = samplerate, blocksize, channels, rest
        self._callback, self._finished = callback, finished_callback
        self._thread = threading.Thread(target=self._run, args=(play,), daemon=True)
        self.closed, self.over = False, threading.Event()

    def call(self, samples, **status):
        """Bring a block ``[n]`` in all channels; gives what goes out, ``[n, C]``."""
        came = np.repeat(samples[:, None].astype(np.float32), self.channels[0], axis=1)
        out = np.full((len(samples), self.channels[1]), np.nan, np.float32)
        flags = {"input_overflow": False, "output_underflow": False, **status}
        self._callback(came, out, len(samples), None, SimpleNamespace(**flags))
        return out

    def _run(self, play):
        play(self)
        self._finished()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closed = True
        self.over.set()
