"""Two losses at once."""

from __future__ import annotations

from torch import Tensor

from ..errors import ConfigError
from .compressed_spectral import CompressedSpectral
from .si_sdr import SiSdr


class SiSdrCompressed:
    """Negative SI-SDR in dB plus ``weight`` times the compressed spectral loss.

    Parameters
    ----------
    weight : float
        Of the spectral loss, whose values are some hundred times smaller.
    power, alpha : float
        Of `CompressedSpectral`.

    Raises
    ------
    ConfigError
        If the weight is negative.
    """

    def __init__(self, weight: float = 20.0, power: float = 0.3, alpha: float = 0.5) -> None:
        if weight < 0:
            raise ConfigError(f"si-sdr-compressed: weight must not be negative, got {weight}")
        self.weight, self.si_sdr = weight, SiSdr()
        self.spectral = CompressedSpectral(power=power, alpha=alpha)

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare ``[B, S]`` with ``[B, S]``, lengths ``[B]`` in samples: loss ``[B]``."""
        spectral = self.spectral(estimate, target, lengths)
        return self.si_sdr(estimate, target, lengths) + self.weight * spectral
