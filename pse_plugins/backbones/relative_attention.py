"""Self-attention with relative positions, over a window of the past or over the whole signal."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..rings import append
from .blocks import Blocks

_NEVER = -1e9  # a score that leaves no weight
_Parts = tuple[Tensor, Tensor]  # of the past and of the present


class RelativeAttention(nn.Module):
    """Self-attention with relative positions (Dai et al., "Transformer-XL", 2019, section 3.3).

    The score of a query ``q`` and a key ``k`` at distance ``r`` (frames that the key lies behind) is
    ``(q + u) k + (q + v) W_r s(r)``, over the square root of the head's width; ``u`` and ``v`` are learned.

    Parameters
    ----------
    heads, head_dim : int
        The width ``C`` is their product.
    both_ways : bool
        Whether keys may lie ahead too: distances then run from ``T - 1`` to ``1 - T``, else from ``W`` to 0.

    Examples
    --------
    >>> attention = RelativeAttention(heads=2, head_dim=4, both_ways=True)
    >>> positions = attention.positions(sinusoids(torch.arange(4.0, -5.0, -1.0), 8))  # 5 frames
    >>> nothing = torch.zeros(1, 0, 8)
    >>> y, _, _ = attention(torch.randn(1, 5, 8), positions, nothing, nothing, torch.zeros(()))
    >>> list(y.shape)
    [1, 5, 8]
    """

    def __init__(self, heads: int, head_dim: int, both_ways: bool = False) -> None:
        super().__init__()
        dim = heads * head_dim
        self.heads, self.head_dim, self.both_ways = heads, head_dim, both_ways
        self.query, self.key, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.position = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, head_dim))
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, head_dim))
        own = torch.eye(heads).repeat_interleave(head_dim, dim=1)
        self.register_buffer("own", own, persistent=False)

    own: Tensor  # [heads, C], 1 at the channels of a head

    def positions(self, encoding: Tensor) -> Tensor:
        """Project the encodings of ``D`` distances ``[D, C]``, farthest back first: ``[1, C, D]``."""
        return self.position(encoding).T.unsqueeze(0).contiguous()

    def forward(
        self, x: Tensor, positions: Tensor, keys: Tensor, values: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend from ``[B, t, C]`` to the past keys and values ``[B, W, C]`` and itself.

        Parameters
        ----------
        x : Tensor
            The present frames.
        positions : Tensor
            What `positions` made of all distances that occur.
        keys, values : Tensor
            Of the past; ``W`` is 0 where attention goes both ways.
        bias : Tensor
            Added to the scores: what `where_filled` made, or, where attention goes both ways, anything that
            broadcasts with ``[B, heads, t, t]``.

        Returns
        -------
        tuple of Tensor
            The attended frames ``[B, t, C]``, and the last ``W`` keys and values.
        """
        query, key, value = self.query(x), self.key(x), self.value(x)  # [B, t, C]
        attend = self._one if x.shape[1] == 1 and not self.both_ways else self._several
        attended = attend(query, positions, (keys, key), (values, value), bias)
        return self.out(attended), append(keys, key), append(values, value)

    def _several(
        self, query: Tensor, positions: Tensor, keys: _Parts, values: _Parts, bias: Tensor
    ) -> Tensor:
        """Let frames ``[B, t, C]`` attend, block by block."""
        key, value = torch.cat(keys, dim=1), torch.cat(values, dim=1)
        if self.both_ways:
            return self._all(query, positions, key, value, bias)
        blocks = Blocks(query.shape[1], keys[0].shape[1])
        attended = self._all(blocks.cut(query), positions, blocks.windows(key), blocks.windows(value), bias)
        return blocks.join(attended)

    def _all(self, query: Tensor, positions: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Let frames ``[B, t, C]`` attend to all of ``[B, W + t, C]``."""
        frames, scale = query.shape[1], self.head_dim**-0.5
        split = self._split(query)  # [B, heads, t, head_dim]
        content = ((split + self.content_bias) * scale) @ self._split(key).transpose(-1, -2)
        places = positions.unflatten(1, (self.heads, self.head_dim))
        distance = _skew(((split + self.position_bias) * scale) @ places)
        if self.both_ways:
            distance = distance[..., frames - 1 : 2 * frames - 1]
        weights = (content + distance + bias).softmax(-1)  # [B, heads, t, W + t]
        return (weights @ self._split(value)).transpose(1, 2).flatten(2)

    def _one(self, query: Tensor, positions: Tensor, keys: _Parts, values: _Parts, bias: Tensor) -> Tensor:
        """Let one frame ``[B, 1, C]`` attend, and neither copy nor transpose what is past.

        A row for each head, zero outside the head's own channels, meets all channels: more products, but of
        matrices as they lie, which is twice as fast.
        """
        scaled = self.own * self.head_dim**-0.5
        content = (query + self.content_bias.view(1, 1, -1)) * scaled  # [B, heads, C]
        place = (query + self.position_bias.view(1, 1, -1)) * scaled
        scores = torch.cat([content @ part.transpose(1, 2) for part in keys], dim=-1) + place @ positions
        weights = (scores + bias.squeeze(1)).softmax(-1)  # [B, heads, W + 1]
        past = keys[0].shape[1]
        attended = weights[..., :past] @ values[0] + weights[..., past:] * values[1]
        return (attended * self.own).sum(1, keepdim=True)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)


def where_filled(filled: Tensor, frames: int) -> Tensor:
    """Make the bias that hides what holds no frame yet: of ``filled [B, W + t]``, for the last ``t`` frames.

    It is ``[B n, 1, 1, W + size]``, for each of the ``n`` `Blocks` of the frames.
    """
    blocks = Blocks(frames, filled.shape[1] - frames)
    seen = blocks.windows(filled.unsqueeze(-1)).transpose(1, 2)  # [B n, 1, W + size]
    return torch.zeros_like(seen).masked_fill(seen == 0, _NEVER).unsqueeze(1)


def sinusoids(distances: Tensor, dim: int) -> Tensor:
    """Encode distances ``[D]`` in frames as sines and cosines, ``[D, dim]``; a negative one lies ahead.

    Examples
    --------
    >>> back, ahead = sinusoids(torch.tensor([3.0, -3.0]), 4)
    >>> bool((back[:2] == -ahead[:2]).all() and (back[2:] == ahead[2:]).all())
    True
    """
    rate = torch.exp(torch.arange(0, dim, 2.0, device=distances.device) * (-math.log(10000.0) / dim))
    angle = distances.unsqueeze(1) * rate.to(distances.dtype)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)[:, :dim]


def _skew(scores: Tensor) -> Tensor:
    """Move scores by distance ``[..., t, D]`` to the places they speak of, ``[..., t, D - 1 + t]``.

    Row ``q`` is moved ``q`` places to the right, so that a place is the same frame in all rows; what is at no
    such distance is never attended to.
    """
    frames, width = scores.shape[-2:]
    padded = functional.pad(scores, (0, frames), value=_NEVER).flatten(-2)
    return padded[..., : frames * (width - 1 + frames)].unflatten(-1, (frames, width - 1 + frames))
