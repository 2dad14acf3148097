"""Streaming Transformer masker."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import (
    Backbone,
    Conditioner,
    MakeConditioner,
    Prepared,
    SpeakerCue,
    State,
    StateSpec,
    initial_state,
)
from ..errors import ConfigError


class Transformer(Backbone):
    """Encoder of self-attention layers, decoder of conditioned ones, mask by linear map and sigmoid.

    Zhang et al., "Cross-attention is all you need: real-time streaming Transformers for personalised speech
    enhancement". Every step sees ``look_back`` frames back and none ahead; layers are post-norm.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Builds a conditioner for a number of channels; None builds a network that needs no cue.
    encoder_layers, decoder_layers : int
        3 + 3 is the paper's base size, 6 + 6 its large one.
    heads, head_dim : int
        The model's width is their product.
    feed_forward : int
        Width inside the feed-forward blocks.
    look_back : int
        Frames before the present one that self-attention sees.
    dropout : float
        On each sub-component, in training.
    condition_site : str or None
        ``"input"``: before a decoder layer's self-attention. ``"after-attention"``: after it. None leaves the
        choice to the conditioner.

    Raises
    ------
    ConfigError
        If a size is out of range or the site unknown.
    """

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        encoder_layers: int = 3,
        decoder_layers: int = 3,
        heads: int = 8,
        head_dim: int = 32,
        feed_forward: int = 1024,
        look_back: int = 100,
        dropout: float = 0.1,
        condition_site: str | None = None,
    ) -> None:
        super().__init__()
        if min(encoder_layers, look_back) < 0 or min(decoder_layers, heads, head_dim, feed_forward) < 1:
            raise ConfigError(
                "transformer: layers, heads, head_dim, feed_forward must be positive, look_back >= 0"
            )
        if condition_site not in (None, "input", "after-attention"):
            raise ConfigError(
                f"transformer: no condition_site {condition_site!r}; use 'input' or 'after-attention'"
            )
        self.needs_cue = make_conditioner is not None
        self.look_back, self.dim = look_back, heads * head_dim
        self.embed = nn.Linear(n_bins, self.dim)
        self.dropout = nn.Dropout(dropout)
        makers = [None] * encoder_layers + [make_conditioner] * decoder_layers
        self.layers = nn.ModuleList(
            Layer(heads, head_dim, feed_forward, dropout, make, condition_site) for make in makers
        )
        self.head = nn.Linear(self.dim, n_bins)
        self.register_buffer("encoding", _sinusoids(look_back + 1, self.dim), persistent=False)

    encoding: Tensor

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue, and each layer's relative positions ``[1, heads, look_back + 1, head_dim]``."""
        positions = {
            f"layers.{i}.positions": layer.attention.positions(self.encoding) for i, layer in self._layers()
        }
        prepared = super().prepare(cue)
        return Prepared({**prepared.tensors, **positions}, prepared.losses)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        return self.step(features, prepared, initial_state(self.state_spec(), features.shape[0], features))[0]

    def state_spec(self) -> list[StateSpec]:
        """Past keys and values of each layer, and which of them hold a frame yet."""
        past = (self.look_back, self.dim)
        names = [f"{what}.{i}" for i, _ in self._layers() for what in ("keys", "values")]
        return [StateSpec("filled", (self.look_back,), update="ring")] + [
            StateSpec(name, past, update="ring") for name in names
        ]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames."""
        frames = features.shape[1]
        filled = torch.cat([state["filled"], torch.ones_like(features[:, :, 0])], dim=1)  # [B, W + t]
        bias = _band(frames, self.look_back, filled)
        new = {"filled": filled[:, frames:]}
        x = self.dropout(self.embed(features))
        for i, layer in self._layers():
            x, keys, values = layer(
                x, prepared.part(f"layers.{i}"), state[f"keys.{i}"], state[f"values.{i}"], bias
            )
            new[f"keys.{i}"], new[f"values.{i}"] = keys, values
        return torch.sigmoid(self.head(x)), new

    def _layers(self) -> list[tuple[int, Layer]]:
        return [(i, layer) for i, layer in enumerate(self.layers) if isinstance(layer, Layer)]


class Layer(nn.Module):
    """Self-attention over the past, conditioner if any, feed-forward; post-norm."""

    def __init__(
        self,
        heads: int,
        head_dim: int,
        feed_forward: int,
        dropout: float,
        make_conditioner: MakeConditioner | None,
        condition_site: str | None,
    ) -> None:
        super().__init__()
        dim = heads * head_dim
        self.attention = RelativeAttention(heads, head_dim)
        self.conditioner: Conditioner | None = make_conditioner(dim) if make_conditioner is not None else None
        self.site = condition_site or (self.conditioner.site if self.conditioner is not None else None)
        self.up, self.down = nn.Linear(dim, feed_forward), nn.Linear(feed_forward, dim)
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, prepared: Prepared, keys: Tensor, values: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Process ``[B, t, C]`` with past keys and values ``[B, W, C]``; returns the new past as well."""
        if self.site == "input":
            x = self._condition(x, prepared)
        attended, keys, values = self.attention(x, prepared.tensors["positions"], keys, values, bias)
        x = self.attention_norm(x + self.dropout(attended))
        if self.site == "after-attention":
            x = self._condition(x, prepared)
        fed = self.down(self.dropout(torch.relu(self.up(x))))
        return self.feed_norm(x + self.dropout(fed)), keys, values

    def _condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        return x if self.conditioner is None else self.conditioner(x, prepared.part("conditioner"))


class RelativeAttention(nn.Module):
    """Self-attention with relative positions over a window of past frames (Dai et al., "Transformer-XL", 2019)."""

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        dim = heads * head_dim
        self.heads, self.head_dim = heads, head_dim
        self.query, self.key, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.position = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, head_dim))
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, head_dim))

    def positions(self, encoding: Tensor) -> Tensor:
        """Project the encodings of distances ``[W + 1, C]``, once: ``[1, heads, W + 1, head_dim]``."""
        return self._split(self.position(encoding).unsqueeze(0))

    def forward(
        self, x: Tensor, positions: Tensor, keys: Tensor, values: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend from ``[B, t, C]`` to itself and the past; returns the new past too."""
        frames = x.shape[1]
        keys = torch.cat([keys, self.key(x)], dim=1)  # [B, W + t, C]
        values = torch.cat([values, self.value(x)], dim=1)
        query = self._split(self.query(x))  # [B, heads, t, head_dim]
        content = (query + self.content_bias) @ self._split(keys).transpose(-1, -2)
        distance = _skew((query + self.position_bias) @ positions.transpose(-1, -2))
        weights = ((content + distance) * self.head_dim**-0.5 + bias).softmax(-1)  # [B, heads, t, W + t]
        attended = (weights @ self._split(values)).transpose(1, 2).flatten(2)
        return self.out(attended), keys[:, frames:], values[:, frames:]

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)


def _skew(scores: Tensor) -> Tensor:
    """Move scores by distance ``[..., t, W + 1]``, farthest first, to the keys they speak of, ``[..., t, W + t]``."""
    frames, width = scores.shape[-2:]
    padded = functional.pad(scores, (0, frames)).flatten(-2)
    return padded[..., : frames * (width - 1 + frames)].unflatten(-1, (frames, width - 1 + frames))


def _band(frames: int, look_back: int, filled: Tensor) -> Tensor:
    """Make the additive mask ``[B, 1, t, W + t]``: the last ``W`` frames and the present one, where filled."""
    query = torch.arange(frames, device=filled.device).unsqueeze(1)
    offset = torch.arange(look_back + frames, device=filled.device) - query  # 0 is farthest, W the present
    allowed = ((offset >= 0) & (offset <= look_back)) & (filled > 0).unsqueeze(1)
    return torch.zeros_like(allowed, dtype=filled.dtype).masked_fill(~allowed, -1e9).unsqueeze(1)


def _sinusoids(count: int, dim: int) -> Tensor:
    """Encode distances ``count - 1 ... 0`` as sines and cosines, ``[count, dim]``."""
    distance = torch.arange(count - 1, -1, -1.0).unsqueeze(1)
    rate = torch.exp(torch.arange(0, dim, 2.0) * (-math.log(10000.0) / dim))
    return torch.cat([torch.sin(distance * rate), torch.cos(distance * rate)], dim=1)[:, :dim]
