"""Components that do everything right, small enough to read: the kit is tried on them and on their mutants."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import (
    Backbone,
    Conditioner,
    MakeConditioner,
    Prepared,
    SpeakerCue,
    SpeakerEncoder,
    State,
    StateSpec,
    initial_state,
)


class ReferenceConditioner(Conditioner):
    """Scales and shifts each channel by the mean of the enrolment's tokens."""

    site = "after-attention"
    view = "vector-mean"

    def __init__(self, dim: int, cue_dim: int) -> None:
        super().__init__()
        self.scale = nn.Linear(cue_dim, dim)
        self.shift = nn.Linear(cue_dim, dim)

    def read(self, cue: SpeakerCue) -> Tensor:
        """Read the cue, ``[B, 1, E]``."""
        return cue.view(self.view)[0]

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Turn the cue into a factor and a shift a channel, ``[B, 1, C]`` each."""
        vector = self.read(cue)
        return Prepared({"scale": 1 + self.scale(vector), "shift": self.shift(vector)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Modulate features ``[B, T, C]``."""
        return x * prepared.tensors["scale"] + prepared.tensors["shift"]


class ReferenceBackbone(Backbone):
    """A convolution over the last frames and a running level, then the conditioner and a mask.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Builds a conditioner for a number of channels; None builds a network that needs no cue.
    look_back, lookahead : int
        Frames before and after the present one that its mask depends on.
    """

    def __init__(
        self, n_bins: int, make_conditioner: MakeConditioner | None, look_back: int = 3, lookahead: int = 0
    ) -> None:
        super().__init__()
        self.n_bins, self.past, self.lookahead_frames = n_bins, look_back + lookahead, lookahead
        self.needs_cue = make_conditioner is not None
        self.taps = nn.Conv1d(n_bins, n_bins, self.past + 1)
        self.conditioner = make_conditioner(n_bins) if make_conditioner is not None else None
        self.head = nn.Linear(n_bins, n_bins)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals; silence follows the last frame."""
        padded = functional.pad(features, (0, 0, 0, self.lookahead_frames))
        mask, _ = self.step(padded, prepared, initial_state(self.state_spec(), features.shape[0], features))
        return mask[:, self.lookahead_frames :]

    def state_spec(self) -> list[StateSpec]:
        """List the past frames and the running level."""
        return [
            StateSpec("past", (self.past, self.n_bins), update="ring"),
            StateSpec("level", (self.n_bins,)),
        ]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames."""
        window = torch.cat([state["past"], features], dim=1)  # [B, W + t, F]
        levels = self.smooth(features, state["level"])  # [B, t, F]
        x = self.taps(window.transpose(1, 2)).transpose(1, 2) + levels
        new = {"past": window[:, features.shape[1] :], "level": levels[:, -1]}
        return self.squash(self.head(self.condition(x, prepared))), new

    def smooth(self, features: Tensor, level: Tensor) -> Tensor:
        """Follow the level of each bin, ``[B, t, F]``."""
        levels = []
        for frame in features.unbind(1):
            level = 0.7 * level + 0.3 * frame
            levels.append(level)
        return torch.stack(levels, dim=1)

    def condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Apply the conditioner, if there is one."""
        return x if self.conditioner is None else self.conditioner(x, prepared.part("conditioner"))

    def squash(self, x: Tensor) -> Tensor:
        """Bring the head's output into the mask's range."""
        return torch.sigmoid(x)


class ReferenceEncoder(SpeakerEncoder):
    """Maps frames of 200 samples to tokens, and their mean to the vector."""

    cue_dim = 6
    vector_dim = 5
    hop = 200

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(self.hop, self.cue_dim)
        self.project = nn.Linear(self.cue_dim, self.vector_dim)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode clips ``[B, Q, S]``, lengths ``[B, Q]`` in samples."""
        frames = waveforms.unfold(2, self.hop, self.hop)  # [B, Q, N, hop]
        tokens = torch.tanh(10 * self.embed(frames))
        mask = self.valid(lengths, tokens.shape[2])
        return SpeakerCue(tokens, mask, self.pool(tokens, mask))

    def valid(self, lengths: Tensor, frames: int) -> Tensor:
        """Mark the frames that lie within the clip, ``[B, Q, N]``."""
        return torch.arange(frames, device=lengths.device) < (lengths // self.hop).unsqueeze(-1)

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed each clip, ``[B, Q, E']``."""
        total = tokens.masked_fill(~mask.unsqueeze(-1), 0.0).sum(2)
        return self.project(total / mask.sum(2, keepdim=True).clamp(min=1))


class ReferenceFeatureEncoder(SpeakerEncoder):
    """Follows an embedding of each frame over time; the vector is where it ends.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    width : int
        Of the embedding, ``E``.
    """

    input = "features"

    def __init__(self, n_bins: int = 9, width: int = 5) -> None:
        super().__init__()
        self.cue_dim = self.vector_dim = width
        self.embed = nn.Linear(n_bins, self.vector_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode features ``[B, T, F]``, lengths ``[B]`` in frames."""
        tokens = self.follow(features, initial_state(self.state_spec(), len(features), features))  # [B, T, E]
        mask = torch.arange(tokens.shape[1], device=lengths.device) < lengths.unsqueeze(-1)
        last = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, tokens.shape[2])
        return SpeakerCue(tokens.unsqueeze(1), mask.unsqueeze(1), tokens.gather(1, last))

    def state_spec(self) -> list[StateSpec]:
        """List the embedding so far."""
        return [StateSpec("embedding", (self.vector_dim,))]

    def step(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear the next ``t`` frames."""
        vector = self.follow(features, state)[:, -1]
        return vector, {"embedding": vector}

    def follow(self, features: Tensor, state: State) -> Tensor:
        """Give the embedding after each frame, ``[B, t, E]``."""
        embedding, followed = state["embedding"], []
        for frame in torch.tanh(self.embed(features)).unbind(1):
            embedding = 0.8 * embedding + 0.2 * frame
            followed.append(embedding)
        return torch.stack(followed, dim=1)


class ReferenceLoss:
    """Mean absolute difference over the valid samples."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare ``[B, S]`` with ``[B, S]``: loss ``[B]``."""
        valid = torch.arange(target.shape[1], device=target.device) < lengths.unsqueeze(1)
        return ((estimate - target).abs() * valid).sum(1) / lengths.clamp(min=1)


class ReferenceMetric:
    """Signal-to-error ratio."""

    unit = "dB"
    higher_is_better = True

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score an estimate ``[S]``; NaN for a silent target."""
        if not target.any():
            return float("nan")
        error = float(np.square(estimate - target).sum())
        return 10 * float(np.log10(np.square(target).sum() / max(error, 1e-12)))


class ReferenceRecogniser:
    """Hears a word in each quarter of a second: how loud it is."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz."""
        size = rate // 4
        parts = [waveform[i : i + size] for i in range(0, len(waveform), size)]
        levels = [float(np.abs(part).mean()) for part in parts]
        return " ".join("LOUD" if level > 0.02 else "SOFT" for level in levels if level > 0.001)
