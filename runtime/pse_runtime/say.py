"""Words to the user, on stderr: stdout may carry samples."""

from __future__ import annotations

import sys

_ERASE = "\r\x1b[K"

_standing: list[str] = []  # what the last line of the terminal shows, to be written over


def remark(message: str) -> None:
    """Tell the user something, in one line."""
    before = _ERASE if _standing else ""
    _standing.clear()
    sys.stderr.write(f"{before}pse: {message}\n")
    sys.stderr.flush()


def status(message: str) -> None:
    """Show how it stands: over the last such line on a terminal, in a line of its own elsewhere."""
    if not sys.stderr.isatty():
        remark(message)
        return
    _standing[:] = [message]
    sys.stderr.write(f"{_ERASE}pse: {message}")
    sys.stderr.flush()
