"""Two ways to time hops: one right after the other, and one each hop of real time, as live use is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .contender import Contender

_WARM_UP = 3  # hops of a window that are not counted: another model ran before
_SIGNAL = 10.0  # seconds of sound that goes round
_TREND = 40  # windows below which a drift is noise


@dataclass
class Times:
    """What was measured of a contender, over all windows.

    Attributes
    ----------
    windows : list of list of float
        Seconds that each hop of each window took.
    missed : int
        Paced hops that were not done before the next one was due.
    cpu, wall : float
        Seconds that the thread worked, and that went by, in all paced windows.
    """

    windows: list[list[float]] = field(default_factory=list)
    missed: int = 0
    cpu: float = 0.0
    wall: float = 0.0

    @property
    def hops(self) -> int:
        """Hops that were counted."""
        return sum(map(len, self.windows))

    @property
    def p50(self) -> float:
        """The median over windows of each window's median, in seconds: a busy minute of the machine counts once."""
        return float(np.median([np.median(window) for window in self.windows]))

    @property
    def best(self) -> float:
        """The median of the fastest window, in seconds."""
        return float(min(np.median(window) for window in self.windows))

    @property
    def drift(self) -> float | None:
        """How much longer a hop takes in the last quarter of the windows than in the first; None for few windows."""
        quarter = len(self.windows) // 4
        if len(self.windows) < _TREND:
            return None
        medians = [np.median(window) for window in self.windows]
        return float(np.median(medians[-quarter:]) / np.median(medians[:quarter]) - 1)

    def quantile(self, q: float) -> float:
        """Give a quantile of all hops, in seconds."""
        return float(np.quantile(np.concatenate(self.windows), q))


class Timer:
    """Times one contender, window by window, on sound that goes on from one window to the next.

    Parameters
    ----------
    contender : Contender
        What is timed.
    """

    def __init__(self, contender: Contender) -> None:
        self.contender, self.back_to_back, self.paced = contender, Times(), Times()
        self._hops = _sound(contender)

    def run(self, seconds: float) -> None:
        """Run hops one right after the other for a while, at least eight."""
        feed = self.contender.feed
        times: list[float] = []
        stop = time.perf_counter() + seconds
        while len(times) < _WARM_UP + 8 or time.perf_counter() < stop:
            hop = next(self._hops)
            start = time.perf_counter()
            feed(hop)
            times.append(time.perf_counter() - start)
        self.back_to_back.windows.append(times[_WARM_UP:])

    def run_paced(self, seconds: float) -> None:
        """Run a hop each hop of real time, and sleep in between; one that is late is made up for at once."""
        feed, length = self.contender.feed, self.contender.hop_seconds
        times: list[float] = []
        count = _WARM_UP + max(8, round(seconds / length))
        begin = time.perf_counter()
        for i in range(count):
            hop, due = next(self._hops), begin + i * length
            time.sleep(max(0.0, due - time.perf_counter()))
            if i == _WARM_UP:
                wall, cpu = time.perf_counter(), time.thread_time()
            start = time.perf_counter()
            feed(hop)
            done = time.perf_counter()
            times.append(done - start)
            self.paced.missed += i >= _WARM_UP and done > due + length
        time.sleep(max(0.0, begin + count * length - time.perf_counter()))
        self.paced.cpu += time.thread_time() - cpu
        self.paced.wall += time.perf_counter() - wall
        self.paced.windows.append(times[_WARM_UP:])


def _sound(contender: Contender) -> Iterator[np.ndarray]:
    """Give hop after hop ``[hop]`` of noise that comes and goes like syllables, without end."""
    count = max(1, round(_SIGNAL / contender.hop_seconds))
    time_axis = np.arange(count * contender.hop) / contender.sample_rate
    noise = np.random.default_rng(0).standard_normal(time_axis.size)
    swell = np.maximum(0.01, np.sin(2 * np.pi * 2 * time_axis)) ** 2
    hops = (0.1 * noise * swell).astype(np.float32).reshape(count, contender.hop)
    while True:
        yield from hops
