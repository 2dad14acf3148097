"""Speakers with names, to choose from while a stream runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import ConfigError


def find_voices(folder: Path | None, named: Sequence[str]) -> dict[str, Path]:
    """Say where each speaker's profile or clip is.

    Parameters
    ----------
    folder : Path or None
        Each profile in it, ``*.profile``, is a speaker of that name.
    named : sequence of str
        ``NAME=FILE``; they come first.

    Returns
    -------
    dict
        Name -> file.

    Raises
    ------
    ConfigError
        If the folder holds no profile, one is not written as a name and a file, or two have one name.
    """
    found: dict[str, Path] = {}
    for word in named:
        name, equals, file = word.partition("=")
        if not (equals and name.strip() and file):
            raise ConfigError(
                f"--profile is NAME=FILE, a name to choose by and a profile or clip; got {word!r}"
            )
        _add(found, name.strip(), Path(file))
    if folder is not None:
        files = sorted(folder.glob("*.profile"))
        if not files:
            raise ConfigError(
                f"--profiles {folder}: no *.profile there; pse enrol CLIP.wav --out NAME.profile"
            )
        for path in files:
            _add(found, path.stem, path)
    return found


def _add(found: dict[str, Path], name: str, file: Path) -> None:
    if name in found:
        raise ConfigError(f"two profiles are called {name!r}, {found[name]} and {file}; rename one")
    found[name] = file


def read_voices(found: dict[str, Path], read: Callable[[Sequence[Path]], Any]) -> dict[str, Any]:
    """Read the profile of each, or make it of a clip; ``read`` takes a list of one file."""
    return {name: read([file]) for name, file in found.items()}
