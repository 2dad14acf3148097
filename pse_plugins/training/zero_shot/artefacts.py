"""What stages leave on disk: each folder says what it was made from, and nothing stale is taken for fresh."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...data.manifest import digest, write_json
from ...errors import ConfigError, DataError

_BEGUN, _DONE, _LOCK = "begun.json", "done.json", "lock"


class Artefact:
    """A stage's folder.

    Parameters
    ----------
    folder : Path
        Where.
    inputs : mapping
        All that its content depends on, by name: settings, and the `key` of each artefact that it is made from.
    """

    def __init__(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        self.folder = folder
        self.inputs: dict[str, Any] = json.loads(json.dumps(inputs, default=str))

    @property
    def key(self) -> str:
        """A short hash of the inputs."""
        return digest(self.inputs)

    @property
    def done(self) -> bool:
        """Whether it is complete.

        Raises
        ------
        ConfigError
            If it was made, or begun, from other inputs.
        """
        for name in (_DONE, _BEGUN):
            if (self.folder / name).is_file():
                self._compare(json.loads((self.folder / name).read_text("utf-8"))["inputs"])
                return name == _DONE
        return False

    def begin(self) -> Path:
        """Note what it will be made from, and that it is this process that makes it; gives the folder.

        Raises
        ------
        ConfigError
            If another process is making it.
        """
        if not self.done:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            write_json(self.folder / _BEGUN, {"inputs": self.inputs})
        return self.folder

    def _lock(self) -> None:
        lock = self.folder / _LOCK
        try:
            owner = int(lock.read_text("utf-8"))
            if owner != os.getpid() and _alive(owner):
                raise ConfigError(
                    f"{self.folder} is being made by process {owner}; wait for it, or give another --output_folder"
                )
        except (FileNotFoundError, ValueError):
            pass
        lock.write_text(str(os.getpid()), "utf-8")

    def finish(self, **record: Any) -> None:
        """Note that it is complete, and what came out."""
        write_json(self.folder / _DONE, {"inputs": self.inputs, "record": record})
        (self.folder / _LOCK).unlink(missing_ok=True)

    @property
    def record(self) -> dict[str, Any]:
        """What came out."""
        self.need()
        return dict(json.loads((self.folder / _DONE).read_text("utf-8"))["record"])

    def need(self) -> Path:
        """Give the folder of a complete artefact.

        Raises
        ------
        DataError
            If it is not there.
        ConfigError
            If it was made from other inputs.
        """
        if not self.done:
            raise DataError(
                f"{self.folder} is not complete; run the stages before: leave out --stages, or name them"
            )
        return self.folder

    def _compare(self, before: Mapping[str, Any]) -> None:
        names = dict.fromkeys([*before, *self.inputs])
        differing = [
            f"{name}: {_short(before.get(name))}, now {_short(self.inputs.get(name))}"
            for name in names
            if before.get(name) != self.inputs.get(name)
        ]
        if differing:
            raise ConfigError(
                f"{self.folder} was made with other settings ({'; '.join(differing)}); give another --output_folder, "
                "or remove that folder to make it again"
            )


def _alive(process: int) -> bool:
    """Tell whether a process of this machine runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
