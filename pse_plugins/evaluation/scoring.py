"""Scores of estimates, in this process or in several."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any

import numpy as np

from .. import host
from ..contracts import Metric
from ..errors import ConfigError, PseError
from .recognition import Listener, Said, transcribe

METRICS = ("si-sdr-improvement", "si-sdr", "sdr", "pesq", "stoi", "estoi")
"""What is scored unless told otherwise."""

Scored = tuple[dict[str, float], dict[str, str]]
"""Metric -> score, and metric -> why there is none."""


def usable(names: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Tell the units of metrics, and which of them cannot be used here.

    Parameters
    ----------
    names : sequence of str
        Metrics.

    Returns
    -------
    units : dict
        Metric -> unit, of all of them.
    missing : dict
        Metric -> what is missing for it to work; such a metric does not stop the others.

    Raises
    ------
    ComponentError
        If a metric is unknown.
    ConfigError
        If none can be used.
    """
    units, missing = {}, {}
    for name in names:
        host.get_host().find("metric", name)
        try:
            metric = _metric(name)
            units[name] = str(metric.unit)
            reason = metric.available() if hasattr(metric, "available") else ""
        except (PseError, ImportError) as error:
            units[name], reason = "", str(error)
        if reason:
            missing[name] = reason
    if len(missing) == len(units):
        why = "; ".join(missing.values()) or "no metric was named"
        raise ConfigError(f"nothing to score with: {why}; metrics: {', '.join(METRICS)}")
    return units, missing


def score(
    names: Sequence[str], estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int
) -> Scored:
    """Score an estimate ``[S]`` by several metrics.

    What cannot be scored is NaN and says why: it is counted as skipped, and never taken for a number.
    """
    values, problems = {}, {}
    broken = "" if np.isfinite(estimate).all() else "the estimate holds NaN or infinite samples"
    for name in names:
        value, reason = math.nan, broken
        if not broken:
            try:
                value = float(_metric(name)(estimate, target, mixture, rate))
                reason = "" if math.isfinite(value) else f"the metric gave {value}"
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
        values[name] = value if not reason else math.nan
        if reason:
            problems[name] = reason
    return values, problems


class Scorer:
    """Scores estimates by several metrics, and has them transcribed, at once or in worker processes.

    Parameters
    ----------
    names : sequence of str
        Metrics.
    rate : int
        Of the signals, in Hz.
    workers : int
        Processes; 0 scores here. They are started afresh, so a script that uses them needs the usual
        ``if __name__ == "__main__":``.
    """

    def __init__(self, names: Sequence[str], rate: int, workers: int = 0) -> None:
        if workers < 0:
            raise ConfigError(f"workers must be 0 or more, got {workers}")
        self._names, self._rate = tuple(names), rate
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context) if workers else None

    def submit(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray) -> Future[Scored]:
        """Score an estimate ``[S]``; its result may come later."""
        return self._do(score, self._names, estimate, target, mixture, self._rate)

    def hear(self, listener: Listener, samples: np.ndarray) -> Future[Said]:
        """Transcribe a waveform ``[S]``; its words may come later."""
        return self._do(transcribe, listener, samples, self._rate)

    def _do(self, work: Callable[..., Any], *job: Any) -> Future[Any]:
        if self._pool is not None:
            return self._pool.submit(work, *job)
        done: Future[Any] = Future()
        done.set_result(work(*job))
        return done

    def __enter__(self) -> Scorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@cache
def _metric(name: str) -> Metric:
    """Build a metric once a process."""
    return host.build("metric", name)
