"""What was measured, as tables that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

_Column = tuple[str, Callable[[Mapping[str, Any]], str]]

KEY = (
    "p50, p99, max: ms a hop takes. RTF: p50 back to back / hop. Paced: a hop each hop of real time. "
    "drift: of p50 back to back, from the first quarter of the run to the last. "
    "miss/h: paced hops that came too late, extrapolated to an hour from {paced:.2g} s. "
    "start: a fresh process up to its first hop. MB/hop: weights and state that a hop touches. "
    "limit: ms to read those at the measured {bandwidth}, or to multiply at {rate:.0f} GMAC/s."
)


def tables(report: Mapping[str, Any]) -> list[Table]:
    """Lay out a report (`report.report`): a hop's time, live use, and what it costs."""
    rows = report["rows"]
    return [
        _table("Time of a hop, in ms: back to back, then paced", _TIME, rows),
        _table("Live: latency, buffer and start in ms", _LIVE, rows),
        _table("Cost, and the limit of this machine", _COST, rows),
    ]


def key(report: Mapping[str, Any]) -> str:
    """Explain the columns."""
    rows = report["rows"]
    rates = sorted(row["bandwidth"] / 1e9 for row in rows)
    span = f"{rates[0]:.0f} to {rates[-1]:.0f} GB/s"
    seconds = min(row["paced"]["hops"] * row["hop_ms"] / 1000 for row in rows)
    return KEY.format(paced=seconds, bandwidth=span, rate=rows[0]["mac_rate"] / 1e9)


def heading(report: Mapping[str, Any]) -> str:
    """Name the machine in a line."""
    about = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    sets = " ".join(about["instructions"]) or "no instruction set known"
    return f"{about['processor']}, one thread; {sets}; {versions}"


def _table(title: str, columns: Sequence[_Column], rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", overflow="fold", max_width=24)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row["name"], *(show(row) for _, show in columns))
    return table


def _of(*path: str, scale: float = 1.0, digits: int = 3) -> Callable[[Mapping[str, Any]], str]:
    """Make what shows a number of a row, to so many significant digits, and a dash for none."""

    def show(row: Mapping[str, Any]) -> str:
        value: Any = row
        for part in path:
            value = value[part]
        return "-" if value is None else significant(value * scale, digits)

    return show


def significant(value: float, digits: int = 3) -> str:
    """Write a number without exponent, to so many significant digits, whole where it is large.

    Examples
    --------
    >>> [significant(v) for v in (0.01234, 1.2, 123.4, 12345.6, 0)]
    ['0.0123', '1.20', '123', '12346', '0']
    """
    if value == 0:
        return "0"
    before = len(str(int(abs(value)))) if abs(value) >= 1 else -_zeros(abs(value))
    return f"{value:.{max(0, digits - before)}f}"


def _zeros(value: float) -> int:
    """Count the zeros after the point of a number below 1."""
    count = 0
    while value * 10 ** (count + 1) < 1 and count < 9:
        count += 1
    return count


_TIME: list[_Column] = [
    ("hop", _of("hop_ms", digits=2)),
    *((name, _of("back_to_back", name)) for name in ("p50", "p99", "max")),
    ("RTF", _of("rtf", digits=2)),
    *((name, _of("paced", name)) for name in ("p50", "p99", "max")),
]
_LIVE: list[_Column] = [
    ("latency", _of("latency_ms", digits=2)),
    ("buffer", _of("buffering_ms", digits=2)),
    ("miss/h", _of("misses_per_hour", digits=2)),
    ("drift %", _of("back_to_back", "drift", scale=100, digits=2)),
    ("CPU %", _of("cpu_percent", digits=2)),
    ("start", _of("start_ms")),
    ("RSS MB", _of("resident_bytes", scale=1e-6)),
]
_COST: list[_Column] = [
    ("weights", lambda row: str(row["precision"])),
    ("M par.", _of("parameters", scale=1e-6)),
    ("MMAC/hop", _of("macs_per_hop", scale=1e-6)),
    ("MMAC/s", _of("macs_per_second", scale=1e-6)),
    ("MB/hop", _of("bytes_per_hop", scale=1e-6)),
    ("limit", _of("limit_ms", digits=2)),
    ("x limit", _of("times_limit", digits=2)),
]
