"""A fresh process up to its first hop, and how much memory it then holds: ``python -m pse_runtime.bench_start``.

The program that starts it notes when the first line comes; the second says what the process took.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MORE = 50  # hops after which memory has settled


def resident_bytes() -> int | None:
    """Say how much memory this process holds, in bytes; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def first_hop(load: Callable[[], tuple[Callable[[Any], Any], int]]) -> None:
    """Load, run a hop, say so, run some more, and say what memory is held."""
    import numpy as np

    run, hop = load()
    noise = 0.1 * np.random.default_rng(0).standard_normal(hop).astype(np.float32)
    run(noise)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in range(_MORE):
        run(noise)
    sys.stdout.write(json.dumps({"resident": resident_bytes()}) + "\n")


def _load(kind: str, folder: str) -> tuple[Callable[[Any], Any], int]:
    if kind == "exported":
        from .bench_exported import ready

        return ready(folder)
    from .bench_peers import PEERS

    peer = PEERS[kind](folder)
    return peer.feed, peer.hop


if __name__ == "__main__":
    first_hop(lambda: _load(*sys.argv[1:3]))
