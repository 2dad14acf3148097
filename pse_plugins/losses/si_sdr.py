"""Negative signal-to-distortion ratios: scale-invariant, and of the samples as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ConfigError


class SiSdr:
    """``-10 log10(|a s|^2 / (|a s - e|^2 + tau |a s|^2))``, ``a = <e, s> / |s|^2``, of zero-mean signals.

    Le Roux et al., "SDR - half-baked or well done?", 2019, with the soft threshold ``tau`` of Wisdom et al. that
    stops a nearly perfect item from taking over the batch. Where the target is silent there is no ratio: the
    loss is then the level of the estimate above ``floor_db``, so silence is rewarded, and no further than that.

    Parameters
    ----------
    limit_db : float
        Largest ratio that still pays; ``tau = 10^(-limit_db / 10)``.
    floor_db : float
        Level in dB below full scale that counts as silence.

    Raises
    ------
    ConfigError
        If the limit is not positive or the floor not negative.

    Examples
    --------
    >>> s = torch.randn(1, 8000)
    >>> bool(SiSdr()(0.5 * s, s, torch.tensor([8000])) < -29)
    True
    """

    name = "si-sdr"

    def __init__(self, limit_db: float = 30.0, floor_db: float = -60.0) -> None:
        if limit_db <= 0 or floor_db >= 0:
            raise ConfigError(
                f"{self.name}: needs limit_db > 0 and floor_db < 0, got {limit_db} and {floor_db}"
            )
        self.limit, self.floor = 10 ** (-limit_db / 10), 10 ** (floor_db / 10)

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare ``[B, S]`` with ``[B, S]``, lengths ``[B]`` in samples: loss ``[B]`` in dB."""
        valid = torch.arange(target.shape[1], device=target.device) < lengths.unsqueeze(1)
        count = lengths.clamp(min=1).unsqueeze(1)
        estimate, target = _centred(estimate.float(), valid, count), _centred(target.float(), valid, count)
        power = target.square().sum(1) / count[:, 0]
        silent = power <= self.floor * 1e-2
        wanted = self.scale(estimate, target).unsqueeze(1) * target
        wanted_power = wanted.square().sum(1)
        error = (estimate - wanted).square().sum(1) + self.limit * wanted_power
        # relative to the target, so that the small constants mean the same at any level; no estimate is -20 dB
        reference = target.square().sum(1).clamp(min=1e-12)
        ratio = 10 * ((wanted_power / reference + 1e-10).log10() - (error / reference + 1e-8).log10())
        level = 10 * (estimate.square().sum(1) / count[:, 0] / self.floor + 1).log10()
        return torch.where(silent, level, -ratio)

    def scale(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Give the factor ``a`` of the target that the estimate is compared with, ``[B]``."""
        return (estimate * target).sum(1) / target.square().sum(1).clamp(min=1e-12)


class Snr(SiSdr):
    """`SiSdr` with ``a = 1``: an estimate at another level is worse too, so that the level is kept.

    The thresholded SNR of Wisdom et al., "Unsupervised sound separation using mixture invariant training", 2020.

    Parameters
    ----------
    limit_db : float
        Largest ratio that still pays.
    floor_db : float
        Level in dB below full scale that counts as silence.

    Raises
    ------
    ConfigError
        If the limit is not positive or the floor not negative.

    Examples
    --------
    >>> s = torch.randn(1, 8000)
    >>> round(float(Snr()(0.5 * s, s, torch.tensor([8000]))))
    -6
    """

    name = "snr"

    def scale(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Give ones, ``[B]``."""
        return torch.ones_like(target[:, 0])


def _centred(signal: Tensor, valid: Tensor, count: Tensor) -> Tensor:
    """Subtract the mean over the valid samples, and set the others to zero."""
    signal = signal * valid
    return (signal - signal.sum(1, keepdim=True) / count) * valid
