"""Convolutions over time and frequency, a bidirectional LSTM, a mask: the offline baseline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contracts import Backbone, Conditioner, MakeConditioner, Prepared
from ..errors import ConfigError
from .filled import filled_frames, note_filled

_KERNELS = ((1, 7), (7, 1), (5, 5), (5, 5), (5, 5), (5, 5), (5, 5), (1, 1))
_DILATIONS = (1, 1, 1, 2, 4, 8, 16, 1)
"""Of the eight convolutions: time x frequency, and dilation over time."""


class VoiceFilter(Backbone):
    """Eight convolutions, the speaker at each frame, a bidirectional LSTM, two linear maps and a sigmoid.

    Wang et al., "VoiceFilter: targeted voice separation by speaker-conditioned spectrogram masking", 2019,
    table 1. It hears the whole signal, so it cannot stream. The paper joins the d-vector to what the
    convolutions give at each frame; here any conditioner may stand there, ``concat`` being the paper's. That
    one has a linear map of ``maps * n_bins`` channels of its own, which the paper's recurrent layer contains.

    With ``concat``, 257 bins and a d-vector of 256 it has 7 852 617 parameters, about the 7.8 M that Zhang et
    al., "Cross-attention is all you need", compare with. The widths for that are 4 maps and 448 units; the 8
    maps and 400 units of the first paper would be 13.8 M. There is no batch normalisation, so that an item
    learns the same in any batch; the convolutions start as He et al. (2015) do for rectifiers.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Builds a conditioner for a number of channels; None builds a network that needs no cue.
    filters : int
        Channels of all convolutions but the last.
    maps : int
        Channels of the last one: ``maps * n_bins`` go into the recurrent layer.
    hidden : int
        Units of the recurrent layer, each way.
    feed_forward : int
        Width of the first linear map.
    condition_site : str or None
        ``"input"``: before the recurrent layer. ``"after-attention"``: after it, as it is what mixes over time
        here. None leaves the choice to the conditioner.

    Raises
    ------
    ConfigError
        If a size is not positive or the site unknown.
    """

    can_stream = False

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        filters: int = 64,
        maps: int = 4,
        hidden: int = 448,
        feed_forward: int = 600,
        condition_site: str | None = None,
    ) -> None:
        super().__init__()
        if min(filters, maps, hidden, feed_forward) < 1:
            raise ConfigError("voicefilter: filters, maps, hidden and feed_forward must be at least 1")
        self.convolutions = _convolutions(filters, maps)
        widths = {"input": maps * n_bins, "after-attention": 2 * hidden}
        self.conditioner: Conditioner | None = None
        self.site, self.needs_cue = condition_site, make_conditioner is not None
        if make_conditioner is not None:
            self.site = condition_site or make_conditioner(1).site
            if self.site not in widths:
                raise ConfigError(
                    f"voicefilter: no condition_site {self.site!r}; use 'input' or 'after-attention'"
                )
            self.conditioner = make_conditioner(widths[self.site])
        self.onward = nn.LSTM(maps * n_bins, hidden, batch_first=True)
        self.backward = nn.LSTM(maps * n_bins, hidden, batch_first=True)
        self.feed = nn.Linear(2 * hidden, feed_forward)
        self.head = nn.Linear(feed_forward, n_bins)

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Note which frames belong to each signal: the others are not heard."""
        return note_filled(features, prepared, frames)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        filled = filled_frames(features, prepared)  # [B, T]
        x = self._convolve(features, filled)  # [B, T, maps F]
        x = self._condition("input", x, prepared)
        x = self._recur(x, filled)  # [B, T, 2 hidden]
        x = self._condition("after-attention", x, prepared)
        return torch.sigmoid(self.head(torch.relu(self.feed(torch.relu(x)))))

    def _convolve(self, features: Tensor, filled: Tensor) -> Tensor:
        """Convolve ``[B, T, F]``, silence before and after each signal, to ``[B, T, maps F]``."""
        inside = filled[:, None, :, None].to(features)
        x = features.unsqueeze(1)  # [B, channels, T, F]; the first convolution has one frame
        for convolution in self.convolutions:
            x = torch.relu(convolution(x)) * inside
        return x.transpose(1, 2).flatten(2)

    def _recur(self, x: Tensor, filled: Tensor) -> Tensor:
        """Run forwards, and backwards from each signal's own end."""
        turn = _turned(filled).unsqueeze(2)  # [B, T, 1]
        turned = x.gather(1, turn.expand_as(x))
        back = self.backward(turned)[0]
        return torch.cat([self.onward(x)[0], back.gather(1, turn.expand_as(back))], dim=2)

    def _condition(self, site: str, x: Tensor, prepared: Prepared) -> Tensor:
        if self.conditioner is None or self.site != site:
            return x
        return self.conditioner(x, prepared.part("conditioner"))


def _convolutions(filters: int, maps: int) -> nn.ModuleList:
    """Make the convolutions, which keep the number of frames and bins."""
    channels = [1, *[filters] * (len(_KERNELS) - 1), maps]
    made = nn.ModuleList()
    for i, ((time, frequency), dilation) in enumerate(zip(_KERNELS, _DILATIONS)):
        padding = (dilation * (time - 1) // 2, (frequency - 1) // 2)
        layer = nn.Conv2d(
            channels[i], channels[i + 1], (time, frequency), padding=padding, dilation=(dilation, 1)
        )
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        made.append(layer)
    return made


def _turned(filled: Tensor) -> Tensor:
    """Number the frames ``[B, T]`` with each signal's own turned round and the others where they are."""
    place = torch.arange(filled.shape[1], device=filled.device).expand_as(filled)
    return torch.where(filled, filled.sum(1, keepdim=True) - 1 - place, place)
