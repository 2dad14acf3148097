"""Scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import math

import numpy as np

_SILENT = 1e-8
"""RMS below which a signal counts as silent, -160 dBFS."""


class SiSdr:
    """``10 log10(|a s|^2 / |a s - e|^2)``, ``a = <e, s> / |s|^2``, of zero-mean signals (Le Roux et al., 2019)."""

    unit = "dB"
    higher_is_better = True

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score ``[S]`` against ``[S]``; NaN where the target or the estimate is silent.

        Examples
        --------
        >>> s = np.sin(np.arange(100.0)); n = np.cos(np.arange(100.0))
        >>> bool(abs(SiSdr()(3 * (s + 0.1 * n), s, s, 8000) - 20) < 0.3)
        True
        """
        if target.size == 0:
            return math.nan
        s = target.astype(np.float64) - target.mean(dtype=np.float64)
        e = estimate.astype(np.float64) - estimate.mean(dtype=np.float64)
        if silent(s) or silent(e):
            return math.nan
        wanted = s * (e @ s) / (s @ s)
        return float(10 * np.log10((wanted @ wanted + 1e-20) / ((wanted - e) @ (wanted - e) + 1e-20)))


class SiSdrImprovement:
    """SI-SDR of the estimate less that of the mixture."""

    unit = "dB"
    higher_is_better = True

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score ``[S]`` against ``[S]``; NaN where the target, the estimate or the mixture is silent."""
        score = SiSdr()
        return score(estimate, target, mixture, rate) - score(mixture, target, mixture, rate)


def silent(signal: np.ndarray) -> bool:
    """Tell whether a signal ``[S]`` is silent, where no ratio is defined."""
    return signal.size == 0 or float(np.sqrt(np.square(signal, dtype=np.float64).mean())) < _SILENT
