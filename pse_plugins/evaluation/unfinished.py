"""What an evaluation has scored so far: one that is stopped and started again goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..data.manifest import digest
from .results import Score
from .word_rates import Heard
from .words import WordErrors

Indexed = tuple[int, list[Score], list[Heard], str]
"""An item's place in the list, its scores, what was heard of it, and its transcript."""


class Unfinished:
    """Keeps each item's scores in a file until the results are written.

    A file that was begun with other models, items, rows, metrics or versions is begun anew; a line that was cut
    off in the middle is left out.

    Parameters
    ----------
    path : Path or None
        The file, a line an item; None keeps nothing.
    depends : mapping
        All that scores depend on, as JSON can hold it.
    wanted : collection of int
        Places in the list; others in the file are dropped.

    Attributes
    ----------
    entries : list of Indexed
        What was there, and what was added.
    """

    def __init__(self, path: Path | None, depends: Mapping[str, Any], wanted: Collection[int]) -> None:
        self._path, key = path, digest(json.loads(json.dumps(depends, default=str)))
        self.entries = [entry for entry in _read(path, key) if entry[0] in wanted]
        if path is not None:
            lines = [json.dumps({"of": key}), *map(_line, self.entries)]
            path.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    def add(self, entry: Indexed) -> None:
        """Keep an item."""
        self.entries.append(entry)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(entry) + "\n")

    def remove(self) -> None:
        """Remove the file: the results are written."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _line(entry: Indexed) -> str:
    index, scores, heard, words = entry
    said = [{**vars(h), "errors": h.errors and vars(h.errors)} for h in heard]
    return json.dumps([index, [vars(score) for score in scores], said, words])


def _read(path: Path | None, key: str) -> list[Indexed]:
    """Read what was kept, if it depends on the same."""
    if path is None or not path.is_file():
        return []
    found: dict[int, Indexed] = {}
    first, *lines = path.read_text("utf-8").splitlines() or [""]
    if first != json.dumps({"of": key}):
        return []
    for line in lines:
        try:
            index, scores, heard, words = json.loads(line)
        except ValueError:
            continue
        said = [Heard(**{**h, "errors": h["errors"] and WordErrors(**h["errors"])}) for h in heard]
        found[index] = (index, [Score(**score) for score in scores], said, words)
    return list(found.values())
