"""Temporal convolutional masker with a short look-ahead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pse_plugins.contracts import Backbone, MakeConditioner, Prepared, State, StateSpec, initial_state
from pse_plugins.errors import ConfigError


class Tcn(Backbone):
    """Stacks of dilated depthwise convolutions on features, each stack with its conditioner; sigmoid mask.

    The separator of Luo & Mesgarani, "Conv-TasNet", 2019, on spectral features and with frame-wise layer norm,
    so that it streams. Its first layer is a convolution over the present frame and ``lookahead`` later ones
    (Wang et al., "Lookahead convolution layer for unidirectional recurrent neural networks", 2016); all others
    look back only. A frame of the mask sees ``repeats (kernel - 1) (2^layers - 1)`` frames of the past.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Builds a conditioner for a number of channels; None builds a network that needs no cue.
    repeats, layers : int
        Stacks, and blocks in each; the dilation is 1, 2, 4, ... within a stack.
    channels, hidden : int
        Width ``C`` between the blocks and ``H`` inside them.
    kernel : int
        Taps of each depthwise convolution.
    lookahead : int
        Frames after the present one that its mask depends on; each adds a hop of latency.
    condition_site : str or None
        ``"input"``: before each stack. ``"after-attention"``: after the first block of each stack, as SpeakerBeam
        does. None leaves the choice to the conditioner.

    Raises
    ------
    ConfigError
        If a size is out of range or the site unknown.
    """

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        repeats: int = 2,
        layers: int = 6,
        channels: int = 128,
        hidden: int = 256,
        kernel: int = 3,
        lookahead: int = 2,
        condition_site: str | None = None,
    ) -> None:
        super().__init__()
        if min(repeats, layers, channels, hidden) < 1 or kernel < 2 or lookahead < 0:
            raise ConfigError("tcn: sizes must be positive, kernel at least 2 and lookahead at least 0")
        if condition_site not in (None, "input", "after-attention"):
            raise ConfigError(f"tcn: no condition_site {condition_site!r}; use 'input' or 'after-attention'")
        self.n_bins, self.lookahead_frames = n_bins, lookahead
        self.needs_cue = make_conditioner is not None
        self.embed = nn.Linear(n_bins * (lookahead + 1), channels)
        self.stacks = nn.ModuleList(
            Stack(layers, channels, hidden, kernel, make_conditioner, condition_site) for _ in range(repeats)
        )
        self.head = nn.Linear(channels, n_bins)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``; zeros follow the last frame."""
        padded = functional.pad(features, (0, 0, 0, self.lookahead_frames))
        state = initial_state(self.state_spec(), features.shape[0], features)
        return self.step(padded, prepared, state)[0][:, self.lookahead_frames :]

    def state_spec(self) -> list[StateSpec]:
        """List the frames that wait for their look-ahead, and the past that each convolution reaches."""
        waiting = StateSpec("ahead", (self.lookahead_frames, self.n_bins), update="ring")
        pasts = [
            StateSpec(f"past.{i}.{j}", (block.past, block.hidden), update="ring")
            for i, stack in enumerate(self.stacks)
            for j, block in enumerate(stack.blocks)
        ]
        return ([waiting] if self.lookahead_frames else []) + pasts

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Take the next ``t`` frames ``[B, t, F]``, give the masks of the ``t`` frames ``lookahead`` before them."""
        window, new = features, {}
        if self.lookahead_frames:
            window = torch.cat([state["ahead"], features], dim=1)  # [B, lookahead + t, F]
            new["ahead"] = window[:, features.shape[1] :]
        x = self.embed(window.unfold(1, self.lookahead_frames + 1, 1).flatten(2))  # [B, t, C]
        for i, stack in enumerate(self.stacks):
            names = [f"past.{i}.{j}" for j in range(len(stack.blocks))]
            part = prepared.part(f"stacks.{i}.conditioner")
            x, pasts = stack(x, part, [state[name] for name in names])
            new.update(zip(names, pasts))
        return torch.sigmoid(self.head(x)), new


class Stack(nn.Module):
    """Blocks of growing dilation, and the conditioner, if any, before or after the first."""

    def __init__(
        self,
        layers: int,
        channels: int,
        hidden: int,
        kernel: int,
        make_conditioner: MakeConditioner | None,
        condition_site: str | None,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels, hidden, kernel, 2**i) for i in range(layers))
        self.conditioner = None if make_conditioner is None else make_conditioner(channels)
        self.site = condition_site or (None if self.conditioner is None else self.conditioner.site)

    def forward(self, x: Tensor, prepared: Prepared, pasts: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Process ``[B, t, C]`` with each block's past; returns the new pasts as well."""
        new = []
        if self.site == "input":
            x = self._condition(x, prepared)
        for i, (block, old) in enumerate(zip(self.blocks, pasts)):
            x, past = block(x, old)
            new.append(past)
            if i == 0 and self.site == "after-attention":
                x = self._condition(x, prepared)
        return x, new

    def _condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        return x if self.conditioner is None else self.conditioner(x, prepared)


class Block(nn.Module):
    """Widen, convolve each channel over time, narrow, add."""

    def __init__(self, channels: int, hidden: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.past, self.hidden, self.dilation = dilation * (kernel - 1), hidden, dilation
        self.widen = nn.Sequential(nn.Linear(channels, hidden), nn.PReLU(), nn.LayerNorm(hidden))
        self.taps = nn.Parameter(torch.empty(kernel, hidden).uniform_(-(kernel**-0.5), kernel**-0.5))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.narrow = nn.Sequential(nn.PReLU(), nn.LayerNorm(hidden), nn.Linear(hidden, channels))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Process ``[B, t, C]`` with the past ``[B, W, H]``; returns the new past as well."""
        frames = x.shape[1]
        window = torch.cat([past, self.widen(x)], dim=1)  # [B, W + t, H]
        mixed = self.bias
        for i, tap in enumerate(self.taps):  # faster here than `conv1d`, which wants time last
            start = i * self.dilation
            mixed = torch.addcmul(mixed, window[:, start : start + frames], tap)  # [B, t, H]
        return x + self.narrow(mixed), window[:, frames:]
