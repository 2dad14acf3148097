"""Slaney's mel filterbank."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def slaney_mel(bins: int, mels: int, rate: int) -> Tensor:
    """Make the filterbank: linear below 1 kHz, logarithmic above, triangles of equal area.

    Parameters
    ----------
    bins : int
        Frequency bins, from 0 Hz to half the rate.
    mels : int
        Filters.
    rate : int
        In Hz.

    Returns
    -------
    Tensor
        ``[bins, mels]``, as librosa's default.

    Examples
    --------
    >>> slaney_mel(201, 40, 16000)[10, 4:6]  # 400 Hz falls between the fifth filter and the sixth
    tensor([0.0077, 0.0059])
    """
    step = math.log(6.4) / 27

    def hertz(mel: Tensor) -> Tensor:
        return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp(step * (mel - 15)))

    top = 15 + math.log(rate / 2 / 1000) / step
    edges = hertz(torch.linspace(0, top, mels + 2, dtype=torch.float64))
    bin_hertz = torch.linspace(0, rate / 2, bins, dtype=torch.float64).unsqueeze(1)  # [F, 1]
    rising = (bin_hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bin_hertz) / (edges[2:] - edges[1:-1])
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (edges[2:] - edges[:-2])).float()
