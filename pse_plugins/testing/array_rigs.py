"""The rigs of what reads NumPy arrays, one item at a time: metrics and recognisers."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from .verdict import demand


class ArrayRig:
    """Builds what reads arrays.

    Parameters
    ----------
    factory : callable
        Builds the component.
    options : dict
        Its options.
    """

    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, factory: Callable[..., Any], options: dict[str, Any]) -> None:
        self.factory = factory
        self.options = options

    def build(self, seed: int = 0) -> Any:
        """Build it; the seed is there for likeness to the other rigs."""
        del seed
        return self.factory(**self.options)


class RecogniserRig(ArrayRig):
    """Builds a recogniser; its checks feed it signals that are alike to speech."""


class MetricRig(ArrayRig):
    """Builds a metric and feeds it signals that are alike to speech."""

    def score(self, noise: float, rate: int = 16000, pitch: float = 120.0) -> float:
        """Score a target with noise of a level relative to it; the mixture's noise is as loud as the target."""
        target = speech_like(rate, pitch)
        hiss = np.random.default_rng(0).standard_normal(target.size).astype(np.float32) * target.std()
        score = self.build()(target + noise * hiss, target, target + hiss, rate)
        demand(isinstance(score, Real), f"a {type(score).__name__} comes out, not a float")
        return score


def speech_like(rate: int, pitch: float = 120.0, seconds: float = 2.0) -> np.ndarray:
    """Make harmonics with a gliding pitch in syllables of a quarter of a second, ``[S]`` in float32.

    Parameters
    ----------
    rate : int
        In Hz.
    pitch : float
        Mean fundamental in Hz.
    seconds : float
        Duration.
    """
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 1.3 * time))) / rate
    harmonics = range(1, int(0.4 * rate / pitch))
    voice = np.sum([np.sin(k * phase + k * k) / k for k in harmonics], axis=0)
    syllables = np.clip(np.sin(2 * np.pi * 2 * time) + 0.3, 0, None)
    return (0.05 * voice * syllables).astype(np.float32)
