"""Perceptual evaluation of speech quality."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
from pse_runtime.audio import resample

from ..errors import PseError
from .si_sdr import silent

REMEDY = 'pesq is not installed: pip install "pse-plugins[eval]" (it needs a C compiler)'


class Pesq:
    """ITU-T P.862, narrow band up to 8 kHz, wide band (P.862.2) at 16 kHz; other rates are resampled to these.

    ITU-T withdrew it in 2024: take it as a comparison with the literature.
    """

    unit = ""
    higher_is_better = True

    @staticmethod
    def available() -> str:
        """Say what is missing for this metric to work; empty if nothing is."""
        return "" if importlib.util.find_spec("pesq") else REMEDY

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score ``[S]`` against ``[S]``; NaN where either is silent or no speech is found.

        Raises
        ------
        PseError
            If the ``pesq`` package is not installed.
        """
        if self.available():
            raise PseError(self.available())
        import pesq

        if silent(target) or silent(estimate):
            return math.nan
        to, mode = (8000, "nb") if rate < 16000 else (16000, "wb")
        try:
            return float(pesq.pesq(to, resample(target, rate, to), resample(estimate, rate, to), mode))
        except pesq.PesqError:
            return math.nan
