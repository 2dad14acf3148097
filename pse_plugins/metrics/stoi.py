"""Short-time objective intelligibility."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .si_sdr import silent


class Stoi:
    """Correlation of short-time band envelopes (Taal et al., 2011)."""

    unit = ""
    higher_is_better = True
    extended = False

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score ``[S]`` against ``[S]``; NaN where either is silent or holds under 0.4 s of speech."""
        from pystoi import stoi

        if silent(target) or silent(estimate):
            return math.nan
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", RuntimeWarning
            )  # pystoi answers 1e-5 when there is too little speech
            try:
                return float(stoi(target, estimate, rate, extended=self.extended))
            except (RuntimeWarning, ValueError):
                return math.nan


class Estoi(Stoi):
    """The extended measure, which modulated noise does not fool (Jensen & Taal, 2016)."""

    extended = True
