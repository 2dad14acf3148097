"""What was measured, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

from . import machine
from .measure import Row
from .timing import Times

METHOD = {
    "threads": 1,
    "p50": "median over windows of each window's median, all rows in turn",
    "p99": "of all hops; a busy machine's other programs are in it",
    "drift": "p50 of the last quarter of the windows over that of the first, less 1; null below 40 windows",
    "paced": "a hop each hop of real time, sleeping in between",
    "misses_per_hour": "paced hops that were not done when the next was due, extrapolated",
    "rtf": "back-to-back p50 / hop",
    "buffering_ms": "what blocks add to the algorithmic latency: nothing for blocks of one hop",
    "limit_ms": "bytes touched / measured bandwidth, or MACs / measured float32 rate, whichever is longer",
    "start_ms": "a fresh process: Python, imports, loading, first hop",
}


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Give machine, method and rows, as JSON can hold them."""
    return {"machine": machine.describe(), "method": METHOD, "rows": [row_report(row) for row in rows]}


def row_report(row: Row) -> dict[str, Any]:
    """Give all of a row; times in ms unless a name says otherwise."""
    of, per_second = row.contender, 1 / row.contender.hop_seconds
    return {
        "name": of.name,
        "runs_with": of.runs_with,
        "precision": of.precision,
        "sample_rate": of.sample_rate,
        "hop_samples": of.hop,
        "hop_ms": 1000 * of.hop_seconds,
        "latency_ms": 1000 * of.latency / of.sample_rate,
        "buffering_ms": 1000 * buffering(of.hop, of.hop) / of.sample_rate,
        "back_to_back": _times(row.back_to_back),
        "paced": _times(row.paced),
        "misses": row.paced.missed,
        "misses_per_hour": row.misses_per_hour,
        "cpu_percent": row.cpu_percent,
        "rtf": row.rtf,
        "start_ms": None if row.start is None else 1000 * row.start.seconds,
        "resident_bytes": None if row.start is None else row.start.resident,
        "parameters": of.parameters,
        "macs_per_hop": of.macs,
        "macs_per_second": None if of.macs is None else round(of.macs * per_second),
        "weight_bytes": of.weight_bytes,
        "state_bytes": of.state_bytes,
        "bytes_per_hop": of.bytes_per_hop,
        "bandwidth": row.bandwidth,
        "mac_rate": row.mac_rate,
        "limit_ms": 1000 * row.limit,
        "times_limit": row.times_limit,
    }


def buffering(block: int, hop: int) -> int:
    """Say how many samples a stream may hold back on top of its algorithmic latency, given blocks of one size.

    Parameters
    ----------
    block, hop : int
        Samples of each.

    Examples
    --------
    >>> buffering(160, 160), buffering(320, 160), buffering(1, 160), buffering(480, 256)
    (0, 0, 159, 224)
    """
    return hop - gcd(block, hop)


def _times(times: Times) -> dict[str, float | None]:
    return {
        "p50": 1000 * times.p50,
        "p99": 1000 * times.quantile(0.99),
        "max": 1000 * times.quantile(1.0),
        "best": 1000 * times.best,
        "hops": times.hops,
        "drift": times.drift,
    }
