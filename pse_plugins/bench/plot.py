"""What was measured, as a picture: time for a second of sound, against the second that there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import ConfigError

SUFFIXES = (".png", ".svg", ".pdf")

_WAYS = {"back_to_back": ("back to back", "#2f7fd1", -0.14), "paced": ("paced", "#d9772b", 0.14)}


def check_suffix(path: Path) -> None:
    """Refuse a picture that cannot be written, before anything is measured.

    Raises
    ------
    ConfigError
        If the name ends in something else than one of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"--plot {path}: must end in {', '.join(SUFFIXES)}")


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw each row's p50 and p99 for a second of sound, on a logarithmic axis, with the line of real time.

    Parameters
    ----------
    report : mapping
        As `report.report` gives it.
    path : Path
        Where to; the suffix says what.
    """
    rows = report["rows"]
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for way, (label, colour, shift) in _WAYS.items():
        places = [i + shift for i in range(len(rows))]
        p50, p99 = ([row[way][q] / row["hop_ms"] for row in rows] for q in ("p50", "p99"))
        axis.hlines(places, p50, p99, color=colour, linewidth=1.5)
        axis.plot(p50, places, "o", color=colour, label=f"{label}, p50")
        axis.plot(p99, places, "|", color=colour, markersize=10, markeredgewidth=2, label=f"{label}, p99")
    limits = [row["limit_ms"] / row["hop_ms"] for row in rows]
    axis.plot(limits, range(len(rows)), "D", color="#808890", markersize=4, label="limit of the machine")
    axis.axvline(1.0, color="#c9486a", linewidth=1.2)
    axis.text(
        1.0, 1.0, "real time ", color="#c9486a", ha="right", va="bottom", transform=axis.get_xaxis_transform()
    )
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(f"seconds for a second of sound, one thread of {report['machine']['processor']}")
    axis.grid(True, axis="x", which="both", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
