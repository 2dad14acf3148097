"""Streaming Transformer masker."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
from ..rings import append
from .filled import filled_frames, note_filled
from .relative_attention import RelativeAttention, sinusoids, where_filled


class Transformer(Backbone):
    """Encoder of self-attention layers, decoder of conditioned ones, mask by linear map and sigmoid.

    Zhang et al., "Cross-attention is all you need: real-time streaming Transformers for personalised speech
    enhancement". Every step sees ``look_back`` frames back and none ahead; layers are post-norm. The
    bidirectional one sees the whole signal at every frame and cannot stream.

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
        Frames before the present one that self-attention sees; not used by a bidirectional one.
    dropout : float
        In training, on the embedded features, on what attention and feed-forward block add, and inside that
        block. Conditioners have an option of their own for it.
    condition_site : str or None
        ``"input"``: before a decoder layer's self-attention. ``"after-attention"``: after it. None leaves the
        choice to the conditioner.
    bidirectional : bool
        Let every frame see all frames, before and after it: an upper bound for the streaming ones, at a cost
        that grows with the square of the length. Frames that only fill a batch are not seen.

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
        bidirectional: bool = False,
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
        self.can_stream, self.bidirectional = not bidirectional, bidirectional
        self.look_back, self.dim = 0 if bidirectional else look_back, heads * head_dim
        self.embed = nn.Linear(n_bins, self.dim)
        self.dropout = nn.Dropout(dropout)
        makers = [None] * encoder_layers + [make_conditioner] * decoder_layers
        self.layers = nn.ModuleList(
            Layer(heads, head_dim, feed_forward, dropout, make, condition_site, bidirectional)
            for make in makers
        )
        self.head = nn.Linear(self.dim, n_bins)
        distances = torch.arange(self.look_back, -1, -1.0)
        self.register_buffer("encoding", sinusoids(distances, self.dim), persistent=False)

    encoding: Tensor

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue, and each layer's relative positions ``[1, C, look_back + 1]``.

        Those of a bidirectional one depend on the signal's length, so `forward` makes them.
        """
        prepared = super().prepare(cue)
        return prepared if self.bidirectional else self._positioned(prepared, self.encoding)

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Note, if bidirectional, which frames belong to each signal: no other is attended to."""
        return note_filled(features, prepared, frames) if self.bidirectional else prepared

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        state = initial_state(self.state_spec(), features.shape[0], features)
        if not self.bidirectional:
            return self.step(features, prepared, state)[0]
        last = features.shape[1] - 1
        distances = torch.arange(last, -last - 1, -1, device=features.device, dtype=features.dtype)
        positioned = self._positioned(prepared, sinusoids(distances, self.dim))
        seen = filled_frames(features, prepared)[:, None, None]  # [B, 1, 1, T]
        return self._run(features, positioned, state, torch.where(seen, 0.0, -1e9).to(features))[0]

    def state_spec(self) -> list[StateSpec]:
        """Past keys and values of each layer, and which of them hold a frame yet."""
        past = (self.look_back, self.dim)
        names = [f"{what}.{i}" for i, _ in self._layers() for what in ("keys", "values")]
        return [StateSpec("filled", (self.look_back,), update="ring")] + [
            StateSpec(name, past, update="ring") for name in names
        ]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames.

        Raises
        ------
        ConfigError
            If the network is bidirectional.
        """
        if self.bidirectional:
            raise ConfigError("transformer: a bidirectional one cannot stream; it needs the whole signal")
        frames = features.shape[1]
        filled = torch.cat([state["filled"], torch.ones_like(features[:, :, 0])], dim=1)  # [B, W + t]
        mask, new = self._run(features, prepared, state, where_filled(filled, frames))
        return mask, {"filled": append(state["filled"], torch.ones_like(features[:, :, 0])), **new}

    def _run(self, features: Tensor, prepared: Prepared, past: State, bias: Tensor) -> tuple[Tensor, State]:
        """Run all layers; gives the mask, and the keys and values of each layer's last frames."""
        new = {}
        x = self.dropout(self.embed(features))
        for i, layer in self._layers():
            part = prepared.part(f"layers.{i}")
            x, new[f"keys.{i}"], new[f"values.{i}"] = layer(
                x, part, past[f"keys.{i}"], past[f"values.{i}"], bias
            )
        return torch.sigmoid(self.head(x)), new

    def _positioned(self, prepared: Prepared, encoding: Tensor) -> Prepared:
        """Add each layer's projection of encoded distances."""
        positions = {
            f"layers.{i}.positions": layer.attention.positions(encoding) for i, layer in self._layers()
        }
        return Prepared({**prepared.tensors, **positions}, prepared.losses)

    def _layers(self) -> list[tuple[int, Layer]]:
        return [(i, layer) for i, layer in enumerate(self.layers) if isinstance(layer, Layer)]


class Layer(nn.Module):
    """Self-attention, conditioner if any, feed-forward; post-norm.

    Zhang et al.: with a conditioner at the input equations 1 to 3, ``Y = LT(Concat(X, h))``,
    ``Y' = LN(Y + MHA(Y))``, ``LN(Y' + FFN(Y'))``; with one after attention equations 4 to 6, in which the
    conditioner is ``LN(Y' + MHA(Y', H', H'))`` between the two others.
    """

    def __init__(
        self,
        heads: int,
        head_dim: int,
        feed_forward: int,
        dropout: float,
        make_conditioner: MakeConditioner | None,
        condition_site: str | None,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        dim = heads * head_dim
        self.attention = RelativeAttention(heads, head_dim, bidirectional)
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
