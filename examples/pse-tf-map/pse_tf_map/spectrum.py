"""The enrolment's features themselves as the cue."""

from __future__ import annotations

import torch
from torch import Tensor

from pse_plugins.contracts import SpeakerCue, SpeakerEncoder, State, StateSpec


class Spectrum(SpeakerEncoder):
    """Hands the enrolment's features on: tokens are its spectra, the vector is their mean. It has no weights.

    It reads the enhancer's own features, so that the spectra of mixture and enrolment have the same bins,
    compression and standardisation and can be compared, as Zhang et al. do ("Multi-level speaker representation
    for target speaker extraction", 2024).

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``, the width of tokens and vectors; the enhancer knows it.
    """

    input = "features"

    def __init__(self, n_bins: int = 257) -> None:
        super().__init__()
        self.cue_dim = self.vector_dim = n_bins

    def forward(self, features: Tensor, lengths: Tensor) -> SpeakerCue:
        """Pass features ``[B, T, F]`` on, of which ``lengths [B]`` frames are valid."""
        mask = torch.arange(features.shape[1], device=lengths.device) < lengths.unsqueeze(1)  # [B, T]
        tokens = features.masked_fill(~mask.unsqueeze(-1), 0.0)
        mean = tokens.sum(1) / lengths.clamp(min=1).unsqueeze(1)  # [B, F]
        return SpeakerCue(tokens.unsqueeze(1), mask.unsqueeze(1), mean.unsqueeze(1))

    def extra_repr(self) -> str:
        """Say what the cues depend on; it is part of the fingerprint."""
        return f"{self.cue_dim} bins"

    def state_spec(self) -> list[StateSpec]:
        """List the sum of the frames so far, and their number."""
        return [StateSpec("spectrum.sum", (self.cue_dim,)), StateSpec("spectrum.frames", (1,))]

    def step(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear the next ``t`` frames ``[B, t, F]``: the mean so far ``[B, F]``, and the new state."""
        total = state["spectrum.sum"] + features.sum(1)
        frames = state["spectrum.frames"] + features.shape[1]
        return total / frames.clamp(min=1), {"spectrum.sum": total, "spectrum.frames": frames}
