"""Corpora on disk -> manifests: LibriSpeech, any folder of speakers, any folder of noise."""

from __future__ import annotations

import functools
import os
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import DataError, nearest
from .manifest import Utterance, digest, inspect, is_fresh, mark_fresh, read_manifest, write_manifest
from .pools import SpeechPool

SPEAKERS = "SPEAKERS.TXT"
"""LibriSpeech's list of its speakers, beside the subsets."""

SUFFIXES = (".flac", ".wav", ".ogg", ".mp3", ".opus")
"""What counts as a recording."""

_ESC = re.compile(r"(?P<fold>\d+)-(?P<source>\w+)-(?P<take>\w+)")  # fold-source-take(-class)


def prepare_librispeech(data_folder: str | Path, subset: str, manifest: str | Path) -> list[Utterance]:
    """Describe one subset of LibriSpeech (or any corpus laid out as ``speaker/chapter/utterance``).

    Parameters
    ----------
    data_folder : str or Path
        The folder that holds ``train-clean-100``, ``test-other``, ...
    subset : str
        One of them.
    manifest : str or Path
        The JSON to write; made again when recordings or transcripts came, went or changed in size.

    Returns
    -------
    list of Utterance
        With transcripts where there are some.

    Raises
    ------
    DataError
        If the subset is missing or holds no recordings.
    """
    folder = Path(data_folder) / subset
    if not folder.is_dir():
        raise DataError(_no_subset(Path(data_folder), subset))

    def describe(path: Path) -> Utterance:
        return inspect(
            path, Path(data_folder), path.stem, path.relative_to(folder).parts[0], words.get(path.stem, "")
        )

    words = dict(
        line
        for file in sorted(p for p in _files(folder) if p.name.endswith(".trans.txt"))
        for line in _transcripts(file)
    )
    return _prepare(folder, Path(data_folder), Path(manifest), describe)


def prepare_speaker_folders(data_folder: str | Path, manifest: str | Path) -> list[Utterance]:
    """Describe any folder with one folder a speaker, recordings anywhere below it.

    A transcript may lie beside a recording as ``utterance.txt``. Errors and the rest as `prepare_librispeech`.
    """
    root = Path(data_folder)

    def describe(path: Path) -> Utterance:
        inside = path.relative_to(root)
        if len(inside.parts) < 2:
            raise DataError(f"{path}: lies in no speaker's folder; arrange recordings as speaker/utterance")
        beside = path.with_suffix(".txt")
        words = " ".join(beside.read_text("utf-8").split()) if beside.is_file() else ""
        return inspect(path, root, "-".join(inside.with_suffix("").parts), inside.parts[0], words)

    return _prepare(root, root, Path(manifest), describe)


def prepare_noise(noise_folder: str | Path, manifest: str | Path) -> list[Utterance]:
    """Describe a noise folder: MUSAN, ESC-10/50, FSD50K or any other.

    The ``speaker`` of a noise is the source recording it was cut from, so that no source is in two sets: in the
    names of ESC (``fold-source-take``) it is ``fold-source``; elsewhere each file is its own source.
    Errors and the rest as `prepare_librispeech`.
    """
    root = Path(noise_folder)

    def describe(path: Path) -> Utterance:
        id = "-".join(path.relative_to(root).with_suffix("").parts)
        esc = _ESC.match(path.stem)
        return inspect(path, root, id, f"{esc['fold']}-{esc['source']}" if esc else id)

    return _prepare(root, root, Path(manifest), describe)


def choose_noise(
    noises: Sequence[Utterance], folds: Sequence[int] | None = None, subfolders: Sequence[str] | None = None
) -> list[Utterance]:
    """Choose noises by ESC fold (the digit before the first ``-``) or by subfolder (``noise/free-sound``).

    Raises
    ------
    DataError
        If none is left.
    """
    chosen = [n for n in noises if folds is None or n.path.name.split("-")[0] in {str(f) for f in folds}]
    chosen = [
        n for n in chosen if subfolders is None or any(f"/{s}/" in f"/{n.relative}" for s in subfolders)
    ]
    if not chosen:
        raise DataError(
            f"no noise in folds {folds}, subfolders {subfolders}; check the noise folder and its choice"
        )
    return chosen


def divide_noise(
    noises: Sequence[Utterance],
    folds: tuple[Sequence[int] | None, Sequence[int] | None] = (None, None),
    subfolders: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    share: float = 0.2,
    seed: int = 0,
) -> tuple[list[Utterance], list[Utterance]]:
    """Divide noises into those to train on and those to test on, by what the corpus and its user give.

    Parameters
    ----------
    noises : sequence of Utterance
        Of one folder.
    folds : pair
        Folds of each set, heeded where all names are those of ESC.
    subfolders : pair
        Subfolders of each set (MUSAN, FSD50K); None takes all.
    share : float
        Share of the sources to test on where neither decides.
    seed : int
        Of that draw.

    Raises
    ------
    DataError
        If a set would be empty, or a source recording be in both.
    """
    esc = all(_ESC.match(n.path.stem) for n in noises)
    if subfolders == (None, None) and not (esc and any(folds)):
        return hold_out(noises, share, seed)
    train, test = (
        choose_noise(noises, f if esc else None, s) for f, s in zip(folds, subfolders, strict=True)
    )
    both = {n.speaker for n in train} & {n.speaker for n in test}
    if both:
        raise DataError(
            f"{len(both)} noise sources, such as {min(both)}, would be trained and tested on; "
            f"give folds or subfolders that do not overlap"
        )
    return train, test


def hold_out(items: Sequence[Utterance], share: float, seed: int) -> tuple[list[Utterance], list[Utterance]]:
    """Split recordings in two by speaker (or noise source), the second with about ``share`` of them, at least one.

    Raises
    ------
    DataError
        If there are fewer than two.
    """
    sources = sorted({item.speaker for item in items})
    if len(sources) < 2:
        raise DataError(f"{len(sources)} source recordings cannot be split in two; add more")
    held = set(random.Random(seed).sample(sources, max(1, round(share * len(sources)))))
    return [i for i in items if i.speaker not in held], [i for i in items if i.speaker in held]


def _prepare(
    folder: Path, root: Path, manifest: Path, describe: Callable[[Path], Utterance]
) -> list[Utterance]:
    """Make a manifest of all recordings below a folder, unless there is a fresh one."""
    there = sorted(_files(folder))
    files = [p for p in there if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not files:
        raise DataError(f"{folder}: no recordings ({', '.join(SUFFIXES)}) below it; check the path")
    seen = [*files, *(p for p in there if p.suffix == ".txt")]  # transcripts may come later
    key = digest([str(root.resolve()), *((f.relative_to(root).as_posix(), f.stat().st_size) for f in seen)])
    if not is_fresh([manifest], key):
        write_manifest(manifest, map(describe, files))
        mark_fresh([manifest], key)
    return read_manifest(manifest, root)


def _files(folder: Path) -> Iterator[Path]:
    """Walk through a folder, and through linked folders too: subsets of a corpus are often made of links."""
    return (Path(where, name) for where, _, names in os.walk(folder, followlinks=True) for name in names)


def _no_subset(holder: Path, subset: str) -> str:
    """Say what is wrong: the folder, or the subset's name."""
    if not holder.is_dir():
        return f"{holder}: no such folder; give --data_folder the one that holds {subset}"
    near = (holder.parent, *sorted(holder.glob("*")))
    if right := next((str(p) for p in near if (p / subset).is_dir()), None):
        return f"{holder / subset}: no such LibriSpeech subset; give --data_folder {right}"
    there = sorted(p.name for p in holder.glob("*") if p.is_dir())
    return (
        f"{holder / subset}: no such LibriSpeech subset{nearest(subset, there)} (there: {', '.join(there) or 'none'}); "
        "give the folder that holds it, or another subset"
    )


def _transcripts(file: Path) -> Iterable[tuple[str, str]]:
    """Read LibriSpeech's ``id WORDS`` lines."""
    for line in file.read_text("utf-8").splitlines():
        id, _, words = line.partition(" ")
        yield id, words.strip()


def genders(*pools: SpeechPool) -> dict[str, str]:
    """Read the genders of voices from the ``SPEAKERS.TXT`` of their corpus; those it does not name are left out.

    Returns
    -------
    dict
        Voice -> ``"F"`` or ``"M"``.
    """
    found: dict[str, str] = {}
    for pool in pools:
        for voice in pool.speakers:
            listed = _listed_genders(pool.source(pool.utterances(voice)[0]).root)
            person = pool.person(voice)
            if person in listed:
                found[voice] = listed[person]
    return found


@functools.cache
def _listed_genders(root: Path) -> dict[str, str]:
    """Read a list of speakers, ``14 | F | train-clean-360 | 25.03 | name``; empty where there is none."""
    file = root / SPEAKERS
    if not file.is_file():
        return {}
    rows = [
        line.split("|")
        for line in file.read_text("utf-8", "replace").splitlines()
        if not line.startswith(";")
    ]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}
