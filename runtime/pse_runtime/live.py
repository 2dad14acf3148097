"""Live enhancement as commands do it: from stdin to stdout, between sound devices, or of a file as if it came live."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import BinaryIO

from .audio_blocks import AudioFormat, BlockReader, BlockWriter
from .chain import Start, most_held, outer, starter
from .devices import Devices, sound_library, watch
from .duplex import Duplex
from .errors import ConfigError, DeviceError
from .files import Passage, pass_file
from .live_model import LiveModel
from .meter import Meter, MeteredStream
from .options import LiveOptions
from .pcm import stream_pipe
from .resampling import ResampledStream
from .say import remark

_SPARE = 1  # blocks more than a device's result waits for, so that the thread may be late


def run_live(model: LiveModel, options: LiveOptions, sink: BinaryIO, keep: int = 0) -> Passage | None:
    """Do what the options say.

    Parameters
    ----------
    model : LiveModel
        What enhances.
    options : LiveOptions
        Checked before.
    sink : binary file
        Where raw samples go.
    keep : int
        Seconds of a file's result to keep.

    Returns
    -------
    Passage or None
        What was seen of a file.

    Raises
    ------
    PseError
        For what the user can mend.
    DeviceError
        If a sound device is lost.
    """
    if options.on_devices:
        sound_library()
    with _ended_in_order(), ExitStack() as stack:
        start = starter(model, options, stack)
        if options.on_devices:
            _stream_devices(start, model, options)
        elif options.file is None:
            _stream_raw(start, model, options, sink)
        else:
            return _stream_file(start, model, options, keep)
    return None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the program as an exit does, so that what was opened is closed and what was made is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stream_raw(start: Start, model: LiveModel, options: LiveOptions, sink: BinaryIO) -> None:
    """Stream from stdin to where samples go."""
    rate = options.rate or model.sample_rate
    size = _block(model, options, rate)
    inner = ResampledStream(start(), rate, model.sample_rate)
    _tell_resampling(model, rate, size)
    stream = MeteredStream(outer(inner, options), rate)
    if options.metered:
        stream.meter = Meter(lambda: 1000 * inner.held / rate, lambda: stream.late)
    tick = (lambda: None) if stream.meter is None else stream.meter.tick
    stream_pipe(stream, size, sys.stdin.buffer, sink, options.format, tick)


def _stream_devices(start: Start, model: LiveModel, options: LiveOptions) -> None:
    """Stream between sound devices, and into a file if one is named, until Ctrl-C."""
    devices = Devices((options.input_device, options.output_device), options.rate, model.sample_rate)
    rate = devices.rate
    size = _block(model, options, rate)
    wait = most_held(model, rate, size) + _SPARE * size
    inner = ResampledStream(start(), rate, model.sample_rate)
    stream = MeteredStream(outer(inner, options), rate)
    remark(
        f"from {devices.labels[0]} to {devices.labels[1]} at {rate} Hz, {1000 * wait / rate:.0f} ms and what the "
        "devices add; Ctrl-C ends it"
    )
    _tell_resampling(model, rate, size)
    lost = None
    target = options.out
    fmt = AudioFormat(rate, 1, "WAV", "PCM_16")
    with nullcontext() if target is None else BlockWriter(target, fmt.renamed(target)) as writer:
        duplex = Duplex(stream, rate, wait, writer.write if writer else lambda out: None)
        own = [0.0]
        if options.metered:
            stream.meter = Meter(
                lambda: 1000 * (wait / rate + own[0]), lambda: duplex.underflows + duplex.overflows
            )

        def tick(seconds: float) -> None:
            own[0] = seconds
            if stream.meter is not None:
                stream.meter.tick()

        try:
            watch(devices, size, duplex, tick)
        except DeviceError as error:
            lost = error
    if target is not None:
        remark(f"wrote {target}")
    if lost is not None:
        raise lost


def _stream_file(start: Start, model: LiveModel, options: LiveOptions, keep: int) -> Passage:
    """Stream a file as if it came live, and show what a user would get."""
    file, sample_rate = options.file, model.sample_rate
    assert file is not None
    with BlockReader(file) as reader:
        rate, channels = reader.format.rate, reader.format.channels
    if channels > 1 and options.enrol_live is not None:
        raise ConfigError(f"--enrol-live hears one channel, {file} has {channels}; mix them, or use --enrol")
    size = _block(model, options, rate)
    around = partial(outer, options=options)
    seen = pass_file(start, sample_rate, file, options.out, block=size, keep=keep * rate, around=around)
    show(f"algorithmic latency  {1000 * model.latency / sample_rate:.1f} ms ({model.latency} samples)")
    show(f"in blocks of {size:<6}  {1000 * seen.held / rate:.1f} ms at most between in and out")
    if rate != sample_rate:
        wait = _resampling_ms(model, rate, size)
        show(f"resampling           {wait:.1f} ms of them: from {rate} Hz to {sample_rate} Hz and back")
    show(f"real-time factor     {seen.busy / seen.seconds / channels:.3f} a channel, one thread")
    return seen


def _block(model: LiveModel, options: LiveOptions, rate: int) -> int:
    """Say how many samples at a rate in Hz are taken at a time."""
    return options.block or max(1, model.hop * rate // model.sample_rate)


def _tell_resampling(model: LiveModel, rate: int, block: int) -> None:
    """Say what another rate than the model's costs."""
    own = model.sample_rate
    if rate != own:
        wait = _resampling_ms(model, rate, block)
        remark(f"resampling from {rate} Hz adds {wait:.0f} ms; the model's own rate, {own} Hz, none")


def _resampling_ms(model: LiveModel, rate: int, block: int) -> float:
    """Measure what another rate than the model's adds to the delay of blocks that take as long."""
    own = model.sample_rate
    there, here = most_held(model, rate, block), most_held(model, own, max(1, round(block * own / rate)))
    return 1000 * (there / rate - here / own)


def show(line: str) -> None:
    """Print a line of results."""
    sys.stdout.write(f"{line}\n")
