"""Manifests: which recordings there are, in SpeechBrain's JSON style, with a note of what they were made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from ..errors import AudioError, DataError

ROOT = "{data_root}"
"""Stands for the data folder in a manifest, so that manifests can be moved and shared."""


@dataclass(frozen=True)
class Utterance:
    """One recording on disk.

    Parameters
    ----------
    id : str
        Unique in its manifest.
    speaker : str
        Who speaks; for a noise, the source recording it was cut from.
    path : Path
        Where it lies.
    samples : int
        Its length at its own rate.
    rate : int
        Its own rate in Hz.
    words : str
        The transcript, or an empty string.
    root : Path
        The data folder that the manifest's path is relative to.
    """

    id: str
    speaker: str
    path: Path
    samples: int
    rate: int
    words: str = ""
    root: Path = Path()

    @property
    def seconds(self) -> float:
        """Its duration in seconds."""
        return self.samples / self.rate

    @property
    def relative(self) -> str:
        """Its path below the data folder, with forward slashes."""
        return Path(os.path.relpath(self.path, self.root)).as_posix()


def inspect(path: Path, root: Path, id: str, speaker: str, words: str = "") -> Utterance:
    """Describe an audio file from its header.

    Raises
    ------
    AudioError
        If the file cannot be read as audio, or is empty.
    """
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"{path}: not readable as audio ({error}); repair it or move it away") from error
    if info.frames == 0:
        raise AudioError(f"{path}: holds no samples; move it away")
    return Utterance(id, speaker, path, info.frames, info.samplerate, words, root)


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> Path:
    """Write a manifest that SpeechBrain's ``DynamicItemDataset.from_json`` reads too.

    Parameters
    ----------
    path : str or Path
        The JSON file; its folder is made, and the file appears complete or not at all.
    utterances : iterable of Utterance
        Their paths are written relative to their ``root``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If two recordings share an id.
    """
    entries: dict[str, dict[str, Any]] = {}
    for u in utterances:
        if u.id in entries:
            raise DataError(
                f"{u.path}: a recording named {u.id!r} is already there; rename one of the two files"
            )
        entries[u.id] = {
            "wav": f"{ROOT}/{u.relative}",
            "length": u.seconds,
            "rate": u.rate,
            "spk_id": u.speaker,
        }
        entries[u.id]["words"] = u.words
    return write_json(path, entries)


def read_manifest(path: str | Path, data_root: str | Path) -> list[Utterance]:
    """Read a manifest.

    Parameters
    ----------
    path : str or Path
        A JSON file: ``{id: {"wav": "{data_root}/...", "length": seconds, "spk_id": ..., "words": ...}}``;
        ``words`` and ``rate`` (Hz) may be missing.
    data_root : str or Path
        What ``{data_root}`` stands for on this machine.

    Returns
    -------
    list of Utterance
        In the file's order.

    Raises
    ------
    DataError
        If the manifest is missing or is not one.
    """
    entries, root = read_json(path, "manifest"), Path(data_root)
    try:
        return [_entry(id, entry, root) for id, entry in entries.items()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path}: not a manifest ({error!r}); prepare the data again with `pse data`"
        ) from error


def _entry(id: str, entry: Mapping[str, Any], root: Path) -> Utterance:
    """Turn one JSON entry into a record; without a rate, the file's header is read."""
    path, speaker, words = (
        Path(entry["wav"].replace(ROOT, str(root))),
        str(entry["spk_id"]),
        entry.get("words", ""),
    )
    if "rate" not in entry:
        return inspect(path, root, id, speaker, words)
    rate = int(entry["rate"])
    return Utterance(id, speaker, path, round(float(entry["length"]) * rate), rate, words, root)


def read_json(path: str | Path, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DataError
        If the file is missing, or does not hold a JSON object.
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such {what}; prepare the data first with `pse data`") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable {what} ({error}); prepare it again with `pse data`"
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a {what}: expected a JSON object; prepare it again with `pse data`")
    return content


def write_json(path: str | Path, content: Mapping[str, Any]) -> Path:
    """Write a JSON file that appears complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    try:
        half.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return path


def digest(content: Any) -> str:
    """Give a short hash of anything JSON can hold; the order of keys does not matter.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def is_fresh(manifests: Sequence[Path], key: str) -> bool:
    """Whether all manifests are there and were made from exactly what ``key`` hashes."""
    return all(m.is_file() and _note(m).is_file() and _note(m).read_text("utf-8") == key for m in manifests)


def mark_fresh(manifests: Sequence[Path], key: str) -> None:
    """Note beside each manifest the hash of the options and files that it was made from."""
    for manifest in manifests:
        _note(manifest).write_text(key, "utf-8")


def check_replaceable(overview: Path, key: str) -> None:
    """Refuse to put one synthetic corpus in the place of another that is whole.

    Parameters
    ----------
    overview : Path
        The JSON file that `mark_fresh` marked.
    key : str
        In words, up to a semicolon, what is to be made.

    Raises
    ------
    DataError
        That says what is there and what was wanted.
    """
    note = _note(overview)
    if not overview.is_file() or not note.is_file() or note.read_text("utf-8") == key:
        return
    there, semicolon, _ = note.read_text("utf-8").partition(";")
    wanted = key.partition(";")[0]
    there = there if semicolon and there != wanted else "what another version made"
    raise DataError(
        f"{overview.parent} has {there}, not {wanted}, and is not replaced, as lists and trainings may need it; "
        "ask for what is there, name another folder, or delete this one"
    )


def _note(manifest: Path) -> Path:
    """Where the hash of a manifest is kept: SpeechBrain takes every key of the JSON itself for a recording."""
    return manifest.with_suffix(".key")
