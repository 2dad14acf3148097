"""Raw PCM as it comes: mono, little-endian, 16 bits or floating point."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from .audio_blocks import to_s16
from .errors import AudioError, ConfigError
from .resampling import BlockProcessor
from .say import remark

FULL_SCALE = 32768.0
"""Of 16 bits; in float it is 1."""

FORMATS: dict[str, np.dtype[Any]] = {"s16": np.dtype("<i2"), "f32": np.dtype("<f4")}
"""How a sample may be written; f32 has no full scale to be clipped at, and can carry what is no number."""

RATES = (4000, 384000)
"""Least and greatest rate in Hz that is taken for one."""

_HEADERS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM")


def check_rate(rate: int | None) -> None:
    """Raise `ConfigError` for what is no rate in Hz."""
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        raise ConfigError(f"--rate is in Hz, from {RATES[0]} to {RATES[1]}, got {rate}")


def stream_pipe(
    stream: BlockProcessor,
    block: int,
    source: BinaryIO,
    sink: BinaryIO,
    form: str = "s16",
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Stream until the input ends or the reader of the output goes away.

    Parameters
    ----------
    stream : BlockProcessor
        What samples go through.
    block : int
        Samples taken at a time.
    source, sink : binary file
        Where they come from and go to.
    form : str
        One of `FORMATS`.
    tick : callable
        Called after each block.

    Raises
    ------
    AudioError
        If what comes is an audio file with a header.
    """
    clipped = taken = 0
    width = FORMATS[form].itemsize
    try:
        while data := source.read(width * block):
            if taken == 0 and data.startswith(_HEADERS):
                raise AudioError(
                    "stdin is an audio file, not raw PCM; name the file instead: pse stream FILE --enrol ..."
                )
            if part := len(data) % width:
                last = "byte is" if part == 1 else f"{part} bytes are"
                remark(f"the input ends within a sample: its last {last} left out")
                data = data[:-part]
            taken += len(data) // width
            clipped += _put(sink, stream.feed(_samples(data, form)), form)
            tick()
        clipped += _put(sink, stream.flush(), form)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sink.fileno())  # nothing left to flush at exit
        return
    if taken == 0:
        raise AudioError("no audio came in on stdin; check what should write to the pipe")
    if clipped:
        remark(f"{clipped} samples were too loud for 16 bits and are clipped")


def _samples(data: bytes, form: str) -> np.ndarray:
    """Give float32 samples ``[n]``, full scale being 1."""
    samples = np.frombuffer(data, FORMATS[form])
    with np.errstate(
        invalid="ignore"
    ):  # bytes that are no samples make numbers that are none; the guard says so
        return samples.astype(np.float32) / (FULL_SCALE if form == "s16" else 1)


def _put(sink: BinaryIO, samples: np.ndarray, form: str) -> int:
    """Write samples ``[n]`` at once; tells how many were too loud."""
    clipped = 0
    if form == "s16":
        clipped = int(np.count_nonzero(np.abs(samples) > 1.0))
        samples = to_s16(samples)
    sink.write(samples.astype(FORMATS[form]).tobytes())
    sink.flush()
    return clipped
