"""Time of `pse plugins` as a whole command: with no third-party plugin, and with 100 installed ones.

The 100 are fake distributions in a temporary folder: a module that offers one conditioner, and a ``dist-info`` folder
whose entry point names it, as pip would leave them. Each command runs in a process of its own; what is shown is the
median of several, after one that fills the caches. Python's own log of imports says whether torch was among them.

    python benchmarks/listing.py
    python benchmarks/listing.py --plugins 1000 --runs 20
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = 1.0  # seconds, with 100 plugins

PLUGIN = """
from pse_plugins import Component, hookimpl


@hookimpl
def pse_conditioners():
    yield Component("fake-{number}", "pse_fake_{number}.part:Part", "offers nothing but its name")
"""


def install(folder: Path, number: int) -> None:
    """Write one fake distribution."""
    (folder / f"pse_fake_{number}.py").write_text(PLUGIN.format(number=number))
    info = folder / f"pse_fake_{number}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pse-fake-{number}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[pse_plugins]\nmain = pse_fake_{number}\n")


def command(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``pse plugins`` in a process of its own."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    line = [sys.executable, *options, "-m", "pse_plugins.cli", "plugins"]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True)


def seconds(folder: Path, runs: int) -> list[float]:
    """Time the command, `runs` times after a first one."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        command(folder)
        times.append(time.perf_counter() - began)
    return times[1:]


def imported(folder: Path) -> set[str]:
    """Tell which top-level packages the command imports."""
    log = command(folder, "-X", "importtime").stderr
    return {name.partition(".")[0] for name in re.findall(r"\|\s*(\S+)$", log, re.MULTILINE)}


def measure(count: int, runs: int) -> float:
    """Print one row; gives the median in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(count):
            install(folder, number)
        times = seconds(folder, runs)
        listed = command(folder).stdout.count("fake-")
        heavy = sorted({"torch", "speechbrain", "numpy"} & imported(folder)) or ["none"]
    median = statistics.median(times)
    print(
        f"{count:8d} {median:10.2f} {min(times):8.2f} {max(times):8.2f} {listed >= count!s:>8}   {', '.join(heavy)}"
    )
    return median


def main() -> None:
    """Measure both and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plugins", type=int, default=100)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    print(
        f"{'plugins':>8} {'median s':>10} {'min':>8} {'max':>8} {'listed':>8}   torch, speechbrain, numpy imported"
    )
    none = measure(0, arguments.runs)
    many = measure(arguments.plugins, arguments.runs)
    print(f"{1000 * (many - none) / arguments.plugins:.2f} ms a plugin; target: {TARGET} s in all, no torch")


if __name__ == "__main__":
    main()
