"""From files to files: which goes where, and what they go through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pse_runtime.audio_blocks import SUFFIXES
from pse_runtime.resampling import BlockProcessor

from ..errors import AudioError
from ._finite import FiniteStream

if TYPE_CHECKING:
    from ..enhancer import Enhancer
    from ..profile import Profile


_CHUNK = 50  # hops executed at a time: faster than one by one, and nobody waits


def pair_up(inputs: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """Say where the result of each file goes; of several inputs, a missing one is found out when it is read.

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
        If the one input is missing, nothing is found, two results would share a file, or one would replace an input.
    """
    if len(inputs) == 1 and not inputs[0].exists():
        raise AudioError(f"{inputs[0]}: no such file or folder; check the path")
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
    if not path.is_dir():
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


def streams(enhancer: Enhancer, profile: Profile | None) -> Callable[[], BlockProcessor]:
    """Give what starts a stream of an enhancer, whose result is looked at.

    Parameters
    ----------
    enhancer : Enhancer
        A backbone that cannot stream keeps all, and enhances in the end.
    profile : Profile or None
        Who to keep.
    """

    def start() -> BlockProcessor:
        can = enhancer.backbone.can_stream
        inner = enhancer.stream(profile, chunk_hops=_CHUNK) if can else _Whole(enhancer, profile)
        return FiniteStream(inner, enhancer)

    return start
