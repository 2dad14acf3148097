"""Raw PCM as it comes: mono, 16 bits, little-endian."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from .audio_blocks import BlockProcessor
from .errors import AudioError, ConfigError
from .say import remark

FULL_SCALE = 32768.0
"""Of 16 bits; in float it is 1."""

RATES = (4000, 384000)
"""Least and greatest rate in Hz that is taken for one."""

_HEADERS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM")


def check_rate(rate: int | None) -> None:
    """Raise `ConfigError` for what is no rate in Hz."""
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        raise ConfigError(f"--rate is in Hz, from {RATES[0]} to {RATES[1]}, got {rate}")


def stream_pipe(stream: BlockProcessor, block: int, source: BinaryIO, sink: BinaryIO) -> None:
    """Stream until the input ends or the reader of the output goes away.

    Parameters
    ----------
    stream : BlockProcessor
        What samples go through.
    block : int
        Samples taken at a time.
    source, sink : binary file
        Where they come from and go to.

    Raises
    ------
    AudioError
        If what comes is an audio file with a header.
    """
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
            clipped += _put(sink, stream.feed(np.frombuffer(data, "<i2").astype(np.float32) / FULL_SCALE))
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
    scaled = np.round(samples * FULL_SCALE)
    kept = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1)
    sink.write(kept.astype("<i2").tobytes())
    sink.flush()
    return int(np.count_nonzero(np.abs(samples) > 1.0))
