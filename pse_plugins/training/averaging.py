"""An exponential moving average of weights: what is validated, kept and saved in place of the last step's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..errors import ConfigError


@register_checkpoint_hooks
class WeightMean:
    """An exponential moving average (EMA) of parameters, which begins short and grows to its length.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        Those that are trained, on the device where they stay.
    decay : float
        In (0, 1): what a step keeps of the mean; 0.999 is the mean of about the last 1000 steps. In step ``n`` it
        is at most ``(1 + n) / (10 + n)``, so that random first weights are soon forgotten.

    Raises
    ------
    ConfigError
        If the decay is out of range.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        if not isinstance(decay, int | float) or not 0 < decay < 1:
            raise ConfigError(
                f"average must lie between 0 and 1 (0.999, say), got {decay!r}; null means none"
            )
        self.decay, self.steps = decay, 0
        self.weights: list[Tensor] = [p for p in parameters if p.requires_grad]
        self.means = [p.detach().clone() for p in self.weights]

    def update(self) -> None:
        """Take the weights of one more step in."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        get_ema_multi_avg_fn(decay)(self.means, [p.detach() for p in self.weights], self.steps)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their means; once more puts them back."""
        for weight, mean in zip(self.weights, self.means):
            kept = weight.clone()
            weight.copy_(mean)
            mean.copy_(kept)

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the means."""
        torch.save({"steps": self.steps, "means": self.means}, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool) -> None:
        """Go on from a checkpoint."""
        kept = torch.load(path, map_location="cpu", weights_only=True)
        self.steps = kept["steps"]
        for mean, value in zip(self.means, kept["means"], strict=True):
            mean.copy_(value)
