"""A channel that names are written to while a stream runs: a FIFO or a file, read without waiting."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .errors import ConfigError
from .say import remark
from .switching import SwitchingStream


class Control:
    """Reads what is written to a FIFO, or the last line of a file when that is another than before.

    Used as a context manager: a FIFO that it makes is gone at the end.

    Parameters
    ----------
    path : Path
        A FIFO or a file; where there is nothing, a FIFO is made.

    Raises
    ------
    ConfigError
        If it is something else, or can be neither opened nor made.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._made, self._fifo = path, False, -1
        self._rest, self._seen, self._last = b"", (-1, -1), ""
        try:
            if not path.exists():
                os.mkfifo(path)
                self._made = True
            mode = path.stat().st_mode
            if stat.S_ISFIFO(mode):
                self._fifo = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            elif not stat.S_ISREG(mode):
                raise ConfigError(f"--control {path}: neither a FIFO nor a file; name another")
        except OSError as error:
            raise ConfigError(f"--control {path}: {error.strerror}; name another") from error

    def lines(self) -> list[str]:
        """Give the lines that have come since the last time, without waiting."""
        said = self._from_file() if self._fifo < 0 else self._from_fifo()
        return [line for line in (part.strip() for part in said) if line]

    def _from_fifo(self) -> list[str]:
        try:
            self._rest += os.read(self._fifo, 4096)
        except BlockingIOError:
            return []
        *whole, self._rest = self._rest.split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def _from_file(self) -> list[str]:
        try:
            found = self._path.stat()
            if (now := (found.st_mtime_ns, found.st_size)) == self._seen:
                return []
            lines = self._path.read_text(errors="replace").split("\n")
        except OSError:  # being replaced, or gone: what was chosen stays
            return []
        self._seen = now
        last = ([line for line in lines if line.strip()] or [self._last])[-1]
        if last == self._last:  # seen while it was being written
            return []
        self._last = last
        return [last]

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fifo >= 0:
            os.close(self._fifo)
        if self._made:
            self._path.unlink(missing_ok=True)


class ControlledStream:
    """Keeps the speaker whose name was last written to a channel.

    Parameters
    ----------
    inner : SwitchingStream
        Changes from one to another.
    voices : mapping
        Name -> who that is.
    control : Control
        Where names come from.
    """

    def __init__(self, inner: SwitchingStream[Any], voices: Mapping[str, Any], control: Control) -> None:
        self._inner, self._voices, self._control = inner, voices, control

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        for name in self._control.lines():
            if name in self._voices:
                self._inner.switch(self._voices[name])
                remark(f"now keeping {name}")
            else:
                remark(f"nobody is called {name!r}; there are: {', '.join(self._voices)}")
        return self._inner.feed(block)

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._inner.flush()

    def forget_signal(self) -> None:
        """Go on as if silence had come so far."""
        self._inner.forget_signal()
