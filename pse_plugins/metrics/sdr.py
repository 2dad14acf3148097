"""Signal-to-distortion ratio of BSS Eval."""

from __future__ import annotations

import math

import numpy as np

from .si_sdr import silent


class Sdr:
    """Signal-to-distortion ratio that forgives a filter of 512 taps (Vincent et al., 2006)."""

    unit = "dB"
    higher_is_better = True

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score ``[S]`` against ``[S]``; NaN where either is silent."""
        import fast_bss_eval

        if silent(target) or silent(estimate):
            return math.nan
        score = fast_bss_eval.sdr(
            target.astype(np.float64)[None],
            estimate.astype(np.float64)[None],
            filter_length=512,
            load_diag=1e-10,
        )
        return float(np.squeeze(score))
