"""Sound cards: what there are, and a stream between two of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .duplex import Duplex
from .errors import ConfigError, DeviceError
from .say import remark

_TICK = 0.1  # seconds between two looks at a device
_PATIENCE = 30  # looks without a callback after which a device is taken for lost


def sound_library() -> Any:
    """Import sounddevice.

    Raises
    ------
    ConfigError
        If it, or the PortAudio library that it needs, is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError(
            'sound devices need the package sounddevice; pip install "pse-runtime[live]"'
        ) from error
    except OSError as error:
        raise ConfigError(
            f"sounddevice finds no PortAudio ({error}); install it: apt install libportaudio2, or dnf install portaudio"
        ) from error
    return sounddevice


def list_devices() -> str:
    """Write the table of sound devices, `>` before the default input and `<` before the default output."""
    return str(sound_library().query_devices()) or "no sound device"


class Devices:
    """An input and an output, the rate and the channels that both take.

    Parameters
    ----------
    given : str or None, str or None
        Number or part of the name of each; None or ``"default"`` for the default.
    rate : int or None
        Wanted rate in Hz; without, the first of `preferred` and the devices' own that both take.
    preferred : int
        The model's rate in Hz.

    Raises
    ------
    ConfigError
        If there is no such device, or the two have no rate in common.
    """

    def __init__(self, given: tuple[str | None, str | None], rate: int | None, preferred: int) -> None:
        self._sound = sound_library()
        self.names = (_number(given[0]), _number(given[1]))
        about = [self._about(name, kind) for name, kind in zip(self.names, ("input", "output"))]
        self.labels = tuple(str(each["name"]) for each in about)
        own = [round(each["default_samplerate"]) for each in about]
        for tried in [rate] if rate else dict.fromkeys([preferred, *own]):
            channels = [self._channels(i, about[i], tried) for i in (0, 1)]
            if all(channels):
                self.rate, self.channels = int(tried or preferred), (channels[0], channels[1])
                return
        raise ConfigError(
            f"{self.labels[0]} and {self.labels[1]} do not both take "
            f"{f'{rate} Hz' if rate else 'one rate'}; name other devices or another --rate (--list-devices)"
        )

    def open(self, block: int, duplex: Duplex, ended: Callable[[], None]) -> Any:
        """Open a stream of blocks of so many samples.

        Raises
        ------
        DeviceError
            If the devices are busy, or gone.
        """
        try:
            return self._sound.Stream(
                samplerate=self.rate,
                blocksize=block,
                device=self.names,
                channels=self.channels,
                dtype="float32",
                latency="low",
                callback=duplex.callback,
                finished_callback=ended,
            )
        except self._sound.PortAudioError as error:
            raise DeviceError(
                f"the sound devices cannot be opened ({error}); is another program using them?"
            ) from error

    @property
    def failure(self) -> type[Exception]:
        """What the library raises."""
        return self._sound.PortAudioError  # type: ignore[no-any-return]

    def _about(self, name: int | str | None, kind: str) -> dict[str, Any]:
        try:
            return dict(self._sound.query_devices(name, kind))
        except (ValueError, self._sound.PortAudioError) as error:
            raise ConfigError(f"no {kind} device {name!r} ({error}); --list-devices shows them") from error

    def _channels(self, i: int, about: dict[str, Any], rate: int | None) -> int:
        """Find how few channels a device takes at a rate; 0 for none."""
        kind = ("input", "output")[i]
        check = getattr(self._sound, f"check_{kind}_settings")
        for channels in dict.fromkeys((1, 2, about[f"max_{kind}_channels"])):
            try:
                check(device=self.names[i], channels=channels, dtype="float32", samplerate=rate)
            except (ValueError, self._sound.PortAudioError):
                continue
            return int(channels)
        return 0


def watch(devices: Devices, block: int, duplex: Duplex, tick: Callable[[float], None]) -> None:
    """Let devices and thread run until the user ends it.

    Parameters
    ----------
    devices : Devices
    block : int
        Samples of a callback.
    duplex : Duplex
        Between them.
    tick : callable
        Called ten times a second with the devices' own latency in seconds.

    Raises
    ------
    DeviceError
        If a device is lost.
    """
    over = threading.Event()
    duplex.start()
    try:
        with _ends_on_signals(), devices.open(block, duplex, over.set) as stream:
            calls, silent = 0, 0
            while not over.wait(_TICK) and duplex.error is None and silent < _PATIENCE:
                silent = silent + 1 if duplex.callbacks == calls else 0
                calls = duplex.callbacks
                tick(sum(stream.latency))
    except KeyboardInterrupt:
        return
    except devices.failure as error:
        raise DeviceError(f"the sound device is lost ({error}); what came until then is kept") from error
    finally:
        duplex.stop()
        tell(duplex)
    if duplex.error is not None:
        raise duplex.error
    raise DeviceError("the sound device is lost; what came until then is kept")


def tell(duplex: Duplex) -> None:
    """Say what was missed, if anything was."""
    if duplex.overflows or duplex.underflows:
        remark(
            f"input overflowed {duplex.overflows} times, output was not ready {duplex.underflows} times; "
            f"{duplex.dropped} late samples were dropped"
        )


@contextmanager
def _ends_on_signals() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, with everything closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _number(name: str | None) -> int | str | None:
    """Give a device's number where one is written, and None for the default."""
    if name is None or name == "default":
        return None
    return int(name) if name.isdigit() else name
