"""What a command does with a stream: raw PCM from stdin to stdout, or a file as if it came live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .audio_blocks import BlockProcessor, BlockReader, ResampledStream, resampling_wait
from .errors import AudioError, ConfigError
from .files import Passage, pass_file
from .pcm import check_rate, stream_pipe
from .say import remark


def check_options(file: Path | None, rate: int | None, block: int | None, out: Path | None) -> None:
    """Refuse what cannot be meant, before a model is loaded.

    Raises
    ------
    ConfigError
        For an option that is out of range or does not go with the others.
    AudioError
        If a file would be replaced by its own result.
    """
    if block is not None and block < 1:
        raise ConfigError(f"--block must be at least 1, got {block}")
    check_rate(rate)
    if file is not None and rate is not None:
        raise ConfigError(f"--rate is for raw PCM on stdin; {file} states its own; leave --rate out")
    if file is not None and out is not None and out.resolve() == file.resolve():
        raise AudioError(f"{out}: would replace the input; name another --out")
    if file is None and out is not None:
        raise ConfigError(
            "--out goes with a FILE; without one, the result is on stdout: ... | pse stream ... > out.pcm"
        )
    if file is None and (sys.stdin.isatty() or sys.stdout.isatty()):
        raise ConfigError("stdin and stdout carry raw PCM: pipe both, or name a FILE to stream")


def stream_raw(
    make: Callable[[], BlockProcessor],
    sample_rate: int,
    hop: int,
    rate: int | None,
    block: int | None,
    sink: BinaryIO,
) -> None:
    """Stream from stdin to where samples go.

    Parameters
    ----------
    make : callable
        Starts the stream.
    sample_rate, hop : int
        The stream's rate in Hz, and the samples it works on at a time.
    rate : int or None
        Of what comes; the stream's when None.
    block : int or None
        Samples taken at a time; a hop when None.
    sink : binary file
        Where samples go.
    """
    rate = rate or sample_rate
    size = block or max(1, hop * rate // sample_rate)
    stream = ResampledStream(make(), rate, sample_rate)
    if rate != sample_rate:
        wait = 1000 * resampling_wait(rate, sample_rate, size) / rate
        remark(f"resampling from {rate} Hz adds {wait:.0f} ms; the model's own rate, {sample_rate} Hz, none")
    stream_pipe(stream, size, sys.stdin.buffer, sink)


def stream_file(
    make: Callable[[], BlockProcessor],
    sample_rate: int,
    hop: int,
    latency: int,
    file: Path,
    out: Path | None,
    block: int | None,
    keep: int = 0,
) -> Passage:
    """Stream a file as if it came live, and show what a user would get.

    Parameters
    ----------
    make : callable
        Starts a stream, one a channel.
    sample_rate, hop, latency : int
        The stream's: rate in Hz, samples it works on at a time, algorithmic latency in samples.
    file, out : Path
        What comes, and where the result goes; None only measures.
    block : int or None
        Samples taken at a time; a hop when None.
    keep : int
        Seconds of the result to keep.

    Returns
    -------
    Passage
    """
    with BlockReader(file) as reader:
        rate, channels = reader.format.rate, reader.format.channels
    size = block or max(1, hop * rate // sample_rate)
    seen = pass_file(make, sample_rate, file, out, block=size, keep=keep * rate)
    show(f"algorithmic latency  {1000 * latency / sample_rate:.1f} ms ({latency} samples)")
    show(f"in blocks of {size:<6}  {1000 * seen.held / rate:.1f} ms at most between in and out")
    if rate != sample_rate:
        wait = 1000 * resampling_wait(rate, sample_rate, size) / rate
        show(f"resampling           {wait:.1f} ms of them: from {rate} Hz to {sample_rate} Hz and back")
    show(f"real-time factor     {seen.busy / seen.seconds / channels:.3f} a channel, one thread")
    return seen


def show(line: str) -> None:
    """Print a line of results."""
    sys.stdout.write(f"{line}\n")
