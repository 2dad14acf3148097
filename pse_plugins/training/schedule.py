"""Learning-rate schedules: functions of the optimiser step alone, so that resuming needs no state."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from ..errors import ConfigError

SHAPES = ("cosine", "noam", "constant")


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a shape.

    Parameters
    ----------
    shape : {"cosine", "noam", "constant"}
        ``"cosine"`` falls to 1 % over the training, ``"noam"`` with the inverse square root of the step
        (Vaswani et al., 2017; its peak is the learning rate), ``"constant"`` stays.
    warmup : float
        Share of the training until the peak, in [0, 1).

    Raises
    ------
    ConfigError
        If an option is out of range.

    Examples
    --------
    >>> [round(Schedule("cosine", 0.1)(p), 2) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.01]
    """

    shape: str = "cosine"
    warmup: float = 0.05

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ConfigError(f"schedule: no shape {self.shape!r}; shapes: {', '.join(SHAPES)}")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"schedule: warmup must lie in [0, 1), got {self.warmup}")

    def __call__(self, progress: float) -> float:
        """Give the factor of the learning rate at a share ``progress`` of the training, in [0, 1]."""
        if progress < self.warmup:
            return max(progress, 1e-4) / self.warmup
        if self.shape == "cosine":
            rest = (min(progress, 1.0) - self.warmup) / (1 - self.warmup)
            return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * rest))
        return 1.0 if self.shape == "constant" else (max(self.warmup, 1e-4) / max(progress, 1e-4)) ** 0.5


@register_checkpoint_hooks
@dataclass
class Budget:
    """How long training may take; the minutes spent survive a restart.

    Parameters
    ----------
    steps : int
        Optimiser steps planned.
    minutes : float or None
        End, in good order, after so many minutes even if steps are left. The schedule then follows whichever is
        further; a resumed run repeats an uninterrupted one bit by bit only without it.
    """

    steps: int
    minutes: float | None = None
    _before: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    def spent(self) -> float:
        """Count the minutes of training so far, earlier runs included."""
        return self._before + (time.monotonic() - self._start) / 60

    def progress(self, step: int) -> float:
        """Give the share of the budget that is used, in [0, 1]."""
        used = step / max(1, self.steps)
        return min(1.0, used if self.minutes is None else max(used, self.spent() / self.minutes))

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the minutes spent."""
        Path(path).write_text(f"{self.spent():.4f}\n")

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool) -> None:
        """Go on counting from a checkpoint."""
        self._before, self._start = float(Path(path).read_text()), time.monotonic()
