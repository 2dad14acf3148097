"""What is measured: something that takes a hop and gives a hop, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Contender:
    """A model that runs live.

    Parameters
    ----------
    name : str
        Of its row.
    runs_with : str
        What executes it: ``"torch"``, ``"pse-runtime"``, ``"onnxruntime"``.
    precision : str
        ``"float32"`` or ``"int8"``.
    sample_rate, hop, latency : int
        Rate in Hz; samples of a hop, and of the algorithmic latency.
    feed : callable
        Takes a hop of samples ``[hop]``, float32.
    start : sequence of str
        Arguments for Python of a process that loads it, runs a hop and says so (`pse_runtime.bench_start`).
    parameters : int or None
        Of the model without its speaker encoder; None where unknown.
    macs : int or None
        Multiply-accumulates of a hop's equations.
    weight_bytes, state_bytes, other_bytes : int
        Weights that a hop reads; what a stream carries from hop to hop; and what else a hop reads or writes: the
        state, and what was prepared for the speaker.
    """

    name: str
    runs_with: str
    precision: str
    sample_rate: int
    hop: int
    latency: int
    feed: Callable[[np.ndarray], Any]
    start: Sequence[str]
    parameters: int | None
    macs: int | None
    weight_bytes: int
    state_bytes: int
    other_bytes: int

    @property
    def hop_seconds(self) -> float:
        """How long a hop lasts."""
        return self.hop / self.sample_rate

    @property
    def bytes_per_hop(self) -> int:
        """What a hop touches: weights, state, and what was prepared for the speaker."""
        return self.weight_bytes + self.other_bytes
