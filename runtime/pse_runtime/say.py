"""Words to the user, on stderr: stdout may carry samples."""

from __future__ import annotations

import sys


def remark(message: str) -> None:
    """Tell the user something, in one line."""
    sys.stderr.write(f"pse: {message}\n")
    sys.stderr.flush()
