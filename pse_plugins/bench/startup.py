"""How long a fresh process takes to its first hop, and how much memory it then holds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BundleError


@dataclass(frozen=True)
class Start:
    """A start of a process.

    Parameters
    ----------
    seconds : float
        From asking for the process to the end of its first hop: Python, imports, loading, one hop.
    resident : int or None
        Bytes of memory that it holds after some hops; None where the system does not tell.
    """

    seconds: float
    resident: int | None


def start(arguments: Sequence[str], times: int = 3) -> Start:
    """Start Python with arguments some times, one after another; gives medians.

    Raises
    ------
    BundleError
        If the process does not come to its first hop; with its last line.
    """
    found = [_start([sys.executable, *arguments]) for _ in range(times)]
    held = [one.resident for one in found if one.resident is not None]
    return Start(
        statistics.median(one.seconds for one in found), round(statistics.median(held)) if held else None
    )


def _start(command: Sequence[str]) -> Start:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begin = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        seconds = time.perf_counter() - begin
        rest = process.stdout.read()
        failed = process.wait() != 0
        said.seek(0)
        last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
    if first.strip() != "ready" or failed:
        raise BundleError(f"{' '.join(command[1:])}: came to no first hop ({last})")
    return Start(seconds, json.loads(rest)["resident"])
