"""Which specialist of an ensemble runs now: decided from the signal so far, changed seldom and without a click."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError


@dataclass(frozen=True)
class Policy:
    """When a stream chooses its specialist, and how it changes to another.

    All counts are frames of the mixture. Until the first decision the `fallback` runs.

    Parameters
    ----------
    first : int
        Frames heard before the first decision.
    every : int
        Frames between decisions.
    smoothing : int
        Frames over which the gate's probabilities are averaged, with exponential forgetting.
    hysteresis : float
        How much more probable another specialist must be than the one that runs, in [0, 1).
    warm_up : int
        Frames that a new specialist hears before it is heard.
    fade : int
        Frames over which the masks are cross-faded.
    fallback : int
        Number of the specialist that runs first.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    first: int = 16
    every: int = 4
    smoothing: int = 8
    hysteresis: float = 0.3
    warm_up: int = 8
    fade: int = 4
    fallback: int = 0

    def __post_init__(self) -> None:
        for name, least in {
            "first": 0,
            "every": 1,
            "smoothing": 1,
            "warm_up": 0,
            "fade": 1,
            "fallback": 0,
        }.items():
            if getattr(self, name) < least:
                raise ConfigError(
                    f"specialist-ensemble: {name} must be at least {least}, got {getattr(self, name)}"
                )
        if not 0 <= self.hysteresis < 1:
            raise ConfigError(f"specialist-ensemble: hysteresis must lie in [0, 1), got {self.hysteresis}")

    @property
    def change(self) -> int:
        """Frames that a change takes."""
        return self.warm_up + self.fade

    @property
    def forgetting(self) -> float:
        """Weight of the newest probabilities in their average."""
        return min(1.0, self.every / self.smoothing)

    def weight(self, age: int) -> float:
        """Give the share of the new specialist's mask, ``age`` frames after it was chosen."""
        return min(1.0, max(0.0, (age + 1 - self.warm_up) / self.fade))

    def choose(self, votes: list[float], active: int, heard: int) -> int:
        """Decide: the specialist to run, from averaged probabilities."""
        best = max(range(len(votes)), key=votes.__getitem__)
        if heard < self.first or votes[best] <= votes[active] + self.hysteresis:
            return active
        return best
