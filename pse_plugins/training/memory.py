"""Memory that training on a CPU has freed is kept, as the next step wants as much again."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of mallopt(3)


def keep_freed_memory() -> bool:
    """Let glibc give nothing back to the system from now on; elsewhere do nothing.

    A tensor of more than 32 MB is otherwise mapped anew each time, and the system clears its pages: up to a third
    of a step's time, by how many there are. It costs about a quarter more memory.

    Returns
    -------
    bool
        Whether it could be arranged.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
