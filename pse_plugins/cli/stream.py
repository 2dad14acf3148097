"""``pse stream``: raw PCM from stdin to stdout as it comes, or a file as if it came live."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..plugin_loading import output_to_stderr
from ._speaker import Device, Enrol, Model, enrol_speaker, load_model, remark

if TYPE_CHECKING:
    import numpy as np
    from pse_runtime.audio_blocks import BlockProcessor

    from ..enhancer import Enhancer
    from ..profile import Profile

_COMPARED = 60  # seconds of a file that are compared with the offline result
_FULL_SCALE = 32768.0
_RATES = (4000, 384000)
_HEADERS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM")


def command(
    file: Annotated[
        Path | None, typer.Argument(help="A recording to stream instead of stdin.", show_default=False)
    ] = None,
    enrol: Enrol = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate", help="Of stdin, in Hz; the model's without, which waits least.", show_default=False
        ),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option("--block", help="Samples taken at a time; a hop without.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write FILE's result.", show_default=False)
    ] = None,
    model: Model = None,
    device: Device = "cpu",
) -> None:
    """Keep the enrolled speaker of live audio: mono 16-bit little-endian PCM on stdin and stdout.

    With a FILE, it is streamed the same way, and latency, real-time factor and the difference from offline are shown.
    Another rate than the model's is resampled, there and back, which adds to the latency as much as is then said.
    """
    _check_options(file, rate, block, out)
    if file is not None:
        enhancer = load_model(model, device)
        _stream_file(enhancer, enrol_speaker(enhancer, enrol or []), file, out, block)
        return
    with _own_stdout() as sink:
        _stream_raw(load_model(model, device), enrol or [], rate, block, sink)


def _stream_raw(
    enhancer: Enhancer, enrol: list[Path], rate: int | None, block: int | None, sink: BinaryIO
) -> None:
    """Stream from stdin to where samples go."""
    from pse_runtime.audio_blocks import ResampledStream, resampling_wait

    from ._finite import FiniteStream

    profile = enrol_speaker(enhancer, enrol)

    rate = rate or enhancer.sample_rate
    finite = FiniteStream(enhancer.stream(profile), enhancer)
    stream = ResampledStream(finite, rate, enhancer.sample_rate)
    size = block or max(1, enhancer.frontend.hop * rate // enhancer.sample_rate)
    if rate != enhancer.sample_rate:
        wait = 1000 * resampling_wait(rate, enhancer.sample_rate, size) / rate
        remark(
            f"resampling from {rate} Hz adds {wait:.0f} ms; the model's own rate, {enhancer.sample_rate} Hz, none"
        )
    _stream_pipe(stream, size, sys.stdin.buffer, sink)


@contextmanager
def _own_stdout() -> Iterator[BinaryIO]:
    """Keep stdout for samples: what a component prints goes to stderr instead, not between two of them."""
    try:
        number = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is no file, but Python's own
        sink = sys.stdout.buffer
        with output_to_stderr():
            yield sink
        return
    with os.fdopen(number, "wb") as sink, output_to_stderr():
        yield sink


def _check_options(file: Path | None, rate: int | None, block: int | None, out: Path | None) -> None:
    """Refuse what cannot be meant, before the model is loaded."""
    from ..errors import ConfigError

    if block is not None and block < 1:
        raise ConfigError(f"--block must be at least 1, got {block}")
    if rate is not None and not _RATES[0] <= rate <= _RATES[1]:
        raise ConfigError(f"--rate is in Hz, from {_RATES[0]} to {_RATES[1]}, got {rate}")
    if file is not None and rate is not None:
        raise ConfigError(f"--rate is for raw PCM on stdin; {file} states its own; leave --rate out")
    if file is None and out is not None:
        raise ConfigError(
            "--out goes with a FILE; without one, the result is on stdout: ... | pse stream ... > out.pcm"
        )
    if file is None and (sys.stdin.isatty() or sys.stdout.isatty()):
        raise ConfigError("stdin and stdout carry raw PCM: pipe both, or name a FILE to stream")


def _stream_pipe(stream: BlockProcessor, block: int, source: BinaryIO, sink: BinaryIO) -> None:
    """Stream until the input ends or the reader of the output goes away."""
    import numpy as np

    from ..errors import AudioError

    clipped = taken = 0
    try:
        while data := source.read(2 * block):
            if taken == 0 and data.startswith(_HEADERS):
                raise AudioError(
                    "stdin is an audio file, not raw PCM; name the file instead: pse stream FILE --enrol ..."
                )
            if len(data) % 2:
                remark("the input ends within a sample: its last byte is left out")
                data = data[:-1]
            taken += len(data) // 2
            clipped += _put(sink, stream.feed(np.frombuffer(data, "<i2").astype(np.float32) / _FULL_SCALE))
        clipped += _put(sink, stream.flush())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sink.fileno())  # nothing left to flush at exit
        return
    if taken == 0:
        remark("no audio came in on stdin; nothing goes out")
    if clipped:
        remark(f"{clipped} samples were too loud for 16 bits and are clipped")


def _put(sink: BinaryIO, samples: np.ndarray) -> int:
    """Write samples ``[n]`` at once; tells how many were too loud."""
    import numpy as np

    scaled = np.round(samples * _FULL_SCALE)
    kept = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1)
    sink.write(kept.astype("<i2").tobytes())
    sink.flush()
    return int(np.count_nonzero(np.abs(samples) > 1.0))


def _stream_file(
    enhancer: Enhancer, profile: Profile | None, file: Path, out: Path | None, block: int | None
) -> None:
    """Stream a file hop by hop, and show what a live user would get."""
    from pse_runtime.audio import read
    from pse_runtime.audio_blocks import BlockReader, resampling_wait

    from ..errors import AudioError
    from ._files import pass_file

    if out is not None and out.resolve() == file.resolve():
        raise AudioError(f"{out}: would replace the input; name another --out")
    live = enhancer.stream(profile)
    with BlockReader(file) as reader:
        rate, channels = reader.format.rate, reader.format.channels
    size = block or max(1, enhancer.frontend.hop * rate // enhancer.sample_rate)
    compared = _COMPARED * rate
    seen = pass_file(enhancer, profile, file, out, chunk_hops=1, block=size, keep=compared)
    typer.echo(
        f"algorithmic latency  {1000 * live.latency / enhancer.sample_rate:.1f} ms ({live.latency} samples)"
    )
    typer.echo(f"in blocks of {size:<6}  {1000 * seen.held / rate:.1f} ms at most between in and out")
    if rate != enhancer.sample_rate:
        wait = 1000 * resampling_wait(rate, enhancer.sample_rate, size) / rate
        typer.echo(
            f"resampling           {wait:.1f} ms of them: from {rate} Hz to {enhancer.sample_rate} Hz and back"
        )
    typer.echo(f"real-time factor     {seen.busy / seen.seconds / channels:.3f} a channel, one thread")
    if channels > 1 or rate != enhancer.sample_rate:
        typer.echo(f"stream vs offline    compared for one channel at {enhancer.sample_rate} Hz only")
    else:
        samples, _ = read(file, frames=compared)
        offline = enhancer.enhance_whole(samples, profile, as_stream=True)[
            : max(1, len(seen.beginning) - rate)
        ]
        difference = abs(offline - seen.beginning[: len(offline)]).max()
        typer.echo(f"stream vs offline    {difference:.1e} at most, full scale being 1")
    remark("measured only; --out FILE keeps the sound" if out is None else f"wrote {out}")
