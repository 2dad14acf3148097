"""All contenders in turn, window by window: what a busy machine does to one it does to all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..cost import one_thread
from .contender import Contender
from .roofline import Multiplier, Reader
from .startup import Start, start
from .timing import Timer, Times

WINDOW, PACED_WINDOW = 0.25, 1.0
"""Seconds of each turn of a contender."""


@dataclass(frozen=True)
class Row:
    """What was measured of a contender.

    Parameters
    ----------
    contender : Contender
        What it is of.
    back_to_back, paced : Times
        Hops one right after the other, and one each hop of real time.
    bandwidth : float
        Bytes a second that one thread reads, of a buffer as large as what a hop touches.
    mac_rate : float
        Multiply-accumulates a second of large matrix products, in float32.
    start : Start or None
        Of a fresh process; None if not measured.
    """

    contender: Contender
    back_to_back: Times
    paced: Times
    bandwidth: float
    mac_rate: float
    start: Start | None

    @property
    def rtf(self) -> float:
        """Real-time factor: time of a hop, back to back, over the hop; below 1 is faster than the sound."""
        return self.back_to_back.p50 / self.contender.hop_seconds

    @property
    def limit(self) -> float:
        """Seconds below which a hop cannot go: reading its bytes, or doing its products, whichever is longer."""
        return max(self.contender.bytes_per_hop / self.bandwidth, (self.contender.macs or 0) / self.mac_rate)

    @property
    def times_limit(self) -> float:
        """Time of a hop, back to back, over the limit."""
        return self.back_to_back.p50 / self.limit

    @property
    def misses_per_hour(self) -> float:
        """Paced hops that came too late, extrapolated to an hour."""
        return self.paced.missed / self.paced.hops * 3600 / self.contender.hop_seconds

    @property
    def cpu_percent(self) -> float:
        """Of one core, while paced."""
        return 100 * self.paced.cpu / self.paced.wall


def measure(
    contenders: Sequence[Contender],
    seconds: float = 3.0,
    paced: float = 5.0,
    starts: int = 3,
    progress: Callable[[str], Any] = lambda _: None,
) -> list[Row]:
    """Measure contenders in one run, on one thread.

    Parameters
    ----------
    contenders : sequence of Contender
        In the order of the rows.
    seconds, paced : float
        Of each contender: how long it runs back to back, and how long paced.
    starts : int
        Fresh processes for each; 0 measures no start-up.
    progress : callable
        Told what comes next.

    Returns
    -------
    list of Row
    """
    timers = [Timer(contender) for contender in contenders]
    readers, multiplier = [Reader(contender.bytes_per_hop) for contender in contenders], Multiplier()
    with one_thread():
        progress(f"back to back, {seconds:g} s each")
        for _ in range(max(1, round(seconds / WINDOW))):
            multiplier.run()
            for timer, reader in zip(timers, readers):
                reader.run()
                timer.run(WINDOW)
        progress(f"at the pace of the sound, {paced:g} s each")
        for _ in range(max(1, round(paced / PACED_WINDOW))):
            for timer in timers:
                timer.run_paced(min(paced, PACED_WINDOW))
    if starts:
        progress(f"fresh processes, {starts} each")
    found = [start(c.start, starts) if starts and c.start else None for c in contenders]
    return [
        Row(timer.contender, timer.back_to_back, timer.paced, reader.rate, multiplier.rate, begun)
        for timer, reader, begun in zip(timers, readers, found)
    ]
