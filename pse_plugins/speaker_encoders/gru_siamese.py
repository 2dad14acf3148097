"""The small recurrent encoder of the zero-shot ensemble."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..contracts import SpeakerCue, SpeakerEncoder, State, StateSpec
from ..errors import ConfigError
from ..frontend import Frontend
from .weights import load_weights


class GruSiamese(SpeakerEncoder):
    """GRU over magnitudes; the state after the last frame is the embedding ``z``.

    Sivaraman & Kim, "Zero-shot personalized speech enhancement through speaker-informed model selection", train
    it on pairs: ``sigmoid(z_i . z_j)`` is the probability that two noisy utterances share a speaker.

    Parameters
    ----------
    input : {"waveform", "features"}
        What it reads: enrolment clips ``[B, Q, S]``, of which it makes magnitudes itself, or an enhancer's
        features ``[B, T, F]``, also as they come, by `step`.
    n_bins : int or None
        Bins ``F`` of the features; needed with ``input="features"`` only.
    sample_rate : int
        Rate in Hz of the waveforms.
    hidden, layers : int
        Size; 2 x 32 in the paper.
    compression : float
        Power of its own magnitudes.
    weights : str or None
        Path of a file of weights, which are then frozen; None for random ones that are trained.

    Raises
    ------
    ConfigError
        If an option is out of range, or ``n_bins`` is missing.
    BundleError
        If the weights cannot be read, or are another model's.

    Examples
    --------
    >>> encoder = GruSiamese(input="features", n_bins=513)
    >>> sum(p.numel() for p in encoder.parameters())
    58848
    """

    def __init__(
        self,
        input: Literal["waveform", "features"] = "waveform",
        n_bins: int | None = None,
        sample_rate: int = 16000,
        hidden: int = 32,
        layers: int = 2,
        compression: float = 0.3,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if input not in ("waveform", "features"):
            raise ConfigError(f"gru-siamese: input must be 'waveform' or 'features', got {input!r}")
        if hidden < 1 or layers < 1:
            raise ConfigError(f"gru-siamese: hidden and layers must be at least 1, got {hidden} and {layers}")
        if input == "features" and n_bins is None:
            raise ConfigError("gru-siamese: input 'features' needs n_bins, the number of frequency bins")
        self.input, self.sample_rate = input, sample_rate
        self.cue_dim = self.vector_dim = hidden
        self.frontend = Frontend(sample_rate, compression=compression) if input == "waveform" else None
        bins = self.frontend.n_bins if self.frontend is not None else n_bins
        self.gru = nn.GRU(int(bins or 0), hidden, layers, batch_first=True)
        if weights is not None:
            load_weights(self, weights, sample_rate=sample_rate, compression=compression)
            self.freeze()

    def forward(self, signal: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode ``[B, Q, S]`` with lengths ``[B, Q]`` in samples, or ``[B, T, F]`` with ``[B]`` in frames."""
        if self.frontend is None:
            return self._encode(signal.unsqueeze(1), lengths.unsqueeze(1))
        valid = torch.arange(signal.shape[-1], device=signal.device) < lengths.unsqueeze(-1)
        spectrum = self.frontend.analyse((signal * valid).flatten(0, 1))
        features = self.frontend.features(spectrum).unflatten(0, tuple(lengths.shape))  # [B, Q, T, F]
        return self._encode(features, lengths // self.frontend.hop)

    def _encode(self, features: Tensor, frames: Tensor) -> SpeakerCue:
        """Encode features ``[B, Q, T, F]``, of which ``frames [B, Q]`` are valid."""
        tokens = self.gru(features.flatten(0, 1))[0].unflatten(0, tuple(frames.shape))  # [B, Q, T, E]
        mask = torch.arange(tokens.shape[2], device=tokens.device) < frames.unsqueeze(-1)
        last = (frames - 1).clamp(min=0)[..., None, None].expand(-1, -1, 1, tokens.shape[-1])
        vectors = tokens.gather(2, last).squeeze(2) * (frames > 0).unsqueeze(-1)
        return SpeakerCue(tokens * mask.unsqueeze(-1), mask, vectors)

    def state_spec(self) -> list[StateSpec]:
        """One hidden vector a layer."""
        return [StateSpec(f"encoder.{i}", (self.cue_dim,)) for i in range(self.gru.num_layers)]

    def step(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear the next ``t`` frames ``[B, t, F]``: the embedding so far ``[B, E]``, and the new state."""
        names = [spec.name for spec in self.state_spec()]
        _, hidden = self.gru(features, torch.stack([state[name] for name in names]).contiguous())
        return hidden[-1], dict(zip(names, hidden.unbind(0)))
