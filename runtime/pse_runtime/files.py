"""One file through a stream, in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from .audio_blocks import AudioFormat, BlockReader, BlockWriter
from .resampling import BlockProcessor, ResampledStream
from .say import remark


@dataclass
class Passage:
    """What was seen while a file went through.

    Attributes
    ----------
    seconds, busy : float
        Length of the audio, and the time that it took.
    clipped : int
        Samples that came out too loud for the file's encoding.
    peak : float
        The loudest input sample.
    held : int
        The most samples that were in but not yet out, at the file's rate.
    beginning : ndarray
        The first output samples of the first channel, as many as were asked for.
    """

    seconds: float = 0.0
    busy: float = 0.0
    clipped: int = 0
    peak: float = 0.0
    held: int = 0
    beginning: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def take(self, ready: np.ndarray, writer: BlockWriter | None, keep: int) -> None:
        """Write what is ready, ``[n, C]``, and keep the beginning of the first channel."""
        if writer is not None:
            writer.write(ready)
        if len(self.beginning) < keep:
            self.beginning = np.concatenate([self.beginning, ready[:, 0]])[:keep]


def pass_file(
    make: Callable[[], BlockProcessor],
    inner_rate: int,
    source: Path,
    target: Path | None,
    block: int | None = None,
    keep: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
    around: Callable[[BlockProcessor], BlockProcessor] = lambda stream: stream,
) -> Passage:
    """Enhance a file block by block, each channel on its own, with the same speaker kept in all.

    Parameters
    ----------
    make : callable
        Starts a stream.
    inner_rate : int
        The streams' rate in Hz.
    source : Path
        Any rate, format and number of channels.
    target : Path or None
        Gets the same rate, number of channels and of samples; None only measures.
    block : int or None
        Samples read at a time; a second when None.
    keep : int
        Output samples to keep for a comparison.
    advance : callable
        Told the samples done and their total.
    around : callable
        Puts something around a stream at the file's rate.

    Returns
    -------
    Passage

    Raises
    ------
    AudioError
        If the audio cannot be read, used or written; an older target is then left as it was.
    """
    seen = Passage()
    with BlockReader(source) as reader, _sink(target, reader.format) as writer:
        rate = reader.format.rate
        if reader.cut_off:
            remark(
                f"{source}: is cut off, its header promises more; the {reader.frames / rate:.1f} s there are used"
            )
        lanes = _Lanes(make, inner_rate, reader.format, around)
        for samples in reader.blocks(block or rate):
            seen.take(lanes.feed(samples), writer, keep)
            seen.peak = max(seen.peak, float(np.abs(samples).max()))
            seen.seconds += len(samples) / rate
            advance(round(seen.seconds * rate), reader.frames)
        seen.take(lanes.flush(), writer, keep)
        seen.busy, seen.held = lanes.busy, lanes.held
        seen.clipped = 0 if writer is None else writer.clipped
    return seen


def _sink(target: Path | None, fmt: AudioFormat) -> BlockWriter | AbstractContextManager[None]:
    """Open the output, if there is one."""
    return nullcontext() if target is None else BlockWriter(target, fmt.renamed(target))


class _Lanes:
    """All channels of a file side by side, and the time that they take."""

    def __init__(
        self,
        make: Callable[[], BlockProcessor],
        inner_rate: int,
        fmt: AudioFormat,
        around: Callable[[BlockProcessor], BlockProcessor],
    ) -> None:
        self.busy = 0.0
        self._inner = [ResampledStream(make(), fmt.rate, inner_rate) for _ in range(fmt.channels)]
        self._lanes = [around(stream) for stream in self._inner]

    @property
    def held(self) -> int:
        """The most samples that were in but not yet out."""
        return self._inner[0].held

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Take ``[n, C]`` and give what is ready."""
        started = perf_counter()
        ready = np.stack([lane.feed(samples[:, c]) for c, lane in enumerate(self._lanes)], axis=1)
        self.busy += perf_counter() - started
        return ready

    def flush(self) -> np.ndarray:
        """Give the rest."""
        started = perf_counter()
        rest = np.stack([lane.flush() for lane in self._lanes], axis=1)
        self.busy += perf_counter() - started
        return rest
