"""``pse stream``: raw PCM from stdin to stdout as it comes, or a file as if it came live."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..plugin_loading import output_to_stderr
from ._speaker import Device, Enrol, Model, enrol_speaker, load_model, remark

if TYPE_CHECKING:
    from pse_runtime.audio_blocks import BlockProcessor

    from ..enhancer import Enhancer
    from ..profile import Profile

_COMPARED = 60  # seconds of a file that are compared with the offline result


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
    from pse_runtime.live import check_options, stream_raw
    from pse_runtime.manifest import is_exported

    check_options(file, rate, block, out)
    if model is not None and is_exported(model):
        _stream_exported(model, file, enrol or [], rate, block, out)
        return
    if file is not None:
        enhancer = load_model(model, device)
        _stream_file(enhancer, enrol_speaker(enhancer, enrol or []), file, out, block)
        return
    with _own_stdout() as sink:
        enhancer = load_model(model, device)
        start = _starter(enhancer, enrol_speaker(enhancer, enrol or []))
        stream_raw(start, enhancer.sample_rate, enhancer.frontend.hop, rate, block, sink)


def _stream_exported(
    model: Path, file: Path | None, enrol: list[Path], rate: int | None, block: int | None, out: Path | None
) -> None:
    """Stream with what pse export wrote, as pse-stream does."""
    from pse_runtime.cli import stream

    stream(model, file, enrol, rate, block, out)


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


def _starter(enhancer: Enhancer, profile: Profile | None) -> Callable[[], BlockProcessor]:
    """Give what starts a stream, hop by hop, whose result is looked at."""
    from ._finite import FiniteStream

    return lambda: FiniteStream(enhancer.stream(profile), enhancer)


def _stream_file(
    enhancer: Enhancer, profile: Profile | None, file: Path, out: Path | None, block: int | None
) -> None:
    """Stream a file hop by hop, and compare it with what one forward gives."""
    from pse_runtime.audio import read
    from pse_runtime.audio_blocks import BlockReader
    from pse_runtime.live import stream_file

    rate, start = enhancer.sample_rate, _starter(enhancer, profile)
    latency = enhancer.latency
    seen = stream_file(start, rate, enhancer.frontend.hop, latency, file, out, block, keep=_COMPARED)
    with BlockReader(file) as reader:
        plain = reader.format.channels == 1 and reader.format.rate == rate
    if not plain:
        typer.echo(f"stream vs offline    compared for one channel at {rate} Hz only")
    else:
        samples, _ = read(file, frames=_COMPARED * rate)
        offline = enhancer.enhance_whole(samples, profile, as_stream=True)[
            : max(1, len(seen.beginning) - rate)
        ]
        difference = abs(offline - seen.beginning[: len(offline)]).max()
        typer.echo(f"stream vs offline    {difference:.1e} at most, full scale being 1")
    remark("measured only; --out FILE keeps the sound" if out is None else f"wrote {out}")
