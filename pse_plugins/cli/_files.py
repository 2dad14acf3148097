"""From a file to a file: which goes where, and one file through a model in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from pse_runtime.audio_blocks import (
    SUFFIXES,
    AudioFormat,
    BlockProcessor,
    BlockReader,
    BlockWriter,
    ResampledStream,
)

from ..errors import AudioError
from ._finite import FiniteStream
from ._speaker import remark

if TYPE_CHECKING:
    from ..enhancer import Enhancer
    from ..profile import Profile


def pair_up(inputs: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """Say where the result of each file goes.

    Parameters
    ----------
    inputs : sequence of Path
        Files, and folders that are searched with all below.
    out : Path
        A file for one input file; a folder otherwise, in which each keeps its name.

    Returns
    -------
    list of (Path, Path)
        Input and output files.

    Raises
    ------
    AudioError
        If an input is missing, nothing is found, two results would share a file, or one would replace an input.
    """
    for path in inputs:
        if not path.exists():
            raise AudioError(f"{path}: no such file or folder; check the path")
    names_file = out.suffix.lower() in SUFFIXES and not out.is_dir()
    several = len(inputs) > 1 or inputs[0].is_dir()
    if names_file and several:
        raise AudioError(
            f"--out {out} is a file, for one input; name a folder (and write --enrol before each enrolment clip)"
        )
    if not several and not out.is_dir() and out.suffix:
        pairs = [(inputs[0], out)]
    else:
        pairs = [(file, out / name) for path in inputs for file, name in _found(path, out)]
    _check_targets(pairs)
    return pairs


def _found(path: Path, out: Path) -> list[tuple[Path, Path]]:
    """List the audio below a folder, or the file itself, each with its name inside the output folder."""
    if path.is_file():
        return [(path, Path(path.name if path.suffix.lower() in SUFFIXES else f"{path.stem}.wav"))]
    inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    visible = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    apart = out.resolve() in (path.resolve(), *path.resolve().parents)
    files = [p for p in visible if apart or out.resolve() not in p.resolve().parents]
    if not files:
        raise AudioError(f"{path}: no audio in this folder; looked for {', '.join(SUFFIXES)}")
    return [(p, p.relative_to(path)) for p in files]


def _check_targets(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Refuse to write two results to one file, or over any input."""
    sources = {source.resolve() for source, _ in pairs}
    taken: dict[Path, Path] = {}
    for source, target in pairs:
        place = target.resolve()
        if place in sources:
            raise AudioError(f"{target}: would replace an input; name another --out")
        if place in taken:
            raise AudioError(
                f"{target}: would hold the results of {taken[place]} and {source}; run them apart"
            )
        taken[place] = source


class _Whole:
    """A backbone that cannot stream, in a stream's clothes: it keeps all, and enhances in the end."""

    def __init__(self, enhancer: Enhancer, profile: Profile | None) -> None:
        self._enhancer, self._profile = enhancer, profile
        self._blocks: list[np.ndarray] = []

    def feed(self, block: np.ndarray) -> np.ndarray:
        self._blocks.append(block)
        return np.zeros(0, np.float32)

    def flush(self) -> np.ndarray:
        signal = np.concatenate(self._blocks)
        return self._enhancer.enhance(signal, self._enhancer.sample_rate, self._profile)


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
    enhancer: Enhancer,
    profile: Profile | None,
    source: Path,
    target: Path | None,
    chunk_hops: int = 50,
    block: int | None = None,
    keep: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Passage:
    """Enhance a file block by block, each channel on its own, with the same speaker kept in all.

    Parameters
    ----------
    enhancer : Enhancer
    profile : Profile or None
        Who to keep.
    source : Path
        Any rate, format and number of channels.
    target : Path or None
        Gets the same rate, number of channels and of samples; None only measures.
    chunk_hops : int
        Hops executed at a time.
    block : int or None
        Samples read at a time; a second when None.
    keep : int
        Output samples to keep for a comparison.
    advance : callable
        Told the samples done and their total.

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
        lanes = _Lanes(enhancer, profile, chunk_hops, reader.format)
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
        self, enhancer: Enhancer, profile: Profile | None, chunk_hops: int, fmt: AudioFormat
    ) -> None:
        self.busy = 0.0
        self._lanes = []
        for _ in range(fmt.channels):
            inner: BlockProcessor = _Whole(enhancer, profile)
            if enhancer.backbone.can_stream:
                inner = enhancer.stream(profile, chunk_hops=chunk_hops)
            finite = FiniteStream(inner, enhancer)
            self._lanes.append(ResampledStream(finite, fmt.rate, enhancer.sample_rate))

    @property
    def held(self) -> int:
        """The most samples that were in but not yet out."""
        return self._lanes[0].held

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
