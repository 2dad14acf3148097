"""The enrolment's features themselves as the cue."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pse_plugins.contracts import SpeakerCue, SpeakerEncoder, State, StateSpec
from pse_plugins.errors import ConfigError


class Spectrum(SpeakerEncoder):
    """Hands the enrolment's features on: tokens are its spectra, the vector is their mean. It has no weights.

    It reads the enhancer's own features, so that the spectra of mixture and enrolment have the same bins,
    compression and standardisation and can be compared, as Zhang et al. do ("Multi-level speaker representation
    for target speaker extraction", 2024).

    Parameters
    ----------
    input : "features"
        Said in the configuration, it makes the enhancer fill ``n_bins`` in.
    n_bins : int
        Frequency bins ``F``, which is the width of tokens and vectors.
    sample_rate : int
        The enhancer's, in Hz.

    Raises
    ------
    ConfigError
        If it is to read something else, or ``n_bins`` is missing.
    """

    def __init__(
        self,
        input: Literal["features"] = "features",
        n_bins: int | None = None,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        if input != "features":
            raise ConfigError(f"spectrum: reads features only, not {input!r}")
        if n_bins is None:
            raise ConfigError("spectrum: needs n_bins; say speaker_encoder_options: {input: features}")
        self.input, self.sample_rate = input, sample_rate
        self.cue_dim = self.vector_dim = n_bins

    def forward(self, features: Tensor, lengths: Tensor) -> SpeakerCue:
        """Pass features ``[B, T, F]`` on, of which ``lengths [B]`` frames are valid."""
        mask = torch.arange(features.shape[1], device=lengths.device) < lengths.unsqueeze(1)  # [B, T]
        tokens = features.masked_fill(~mask.unsqueeze(-1), 0.0)
        mean = tokens.sum(1) / lengths.clamp(min=1).unsqueeze(1)  # [B, F]
        return SpeakerCue(tokens.unsqueeze(1), mask.unsqueeze(1), mean.unsqueeze(1))

    def extra_repr(self) -> str:
        """Say what the cues depend on; it is part of the fingerprint."""
        return f"{self.cue_dim} bins at {self.sample_rate} Hz"

    def state_spec(self) -> list[StateSpec]:
        """List the sum of the frames so far, and their number."""
        return [StateSpec("spectrum.sum", (self.cue_dim,)), StateSpec("spectrum.frames", (1,))]

    def step(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear the next ``t`` frames ``[B, t, F]``: the mean so far ``[B, F]``, and the new state."""
        total = state["spectrum.sum"] + features.sum(1)
        frames = state["spectrum.frames"] + features.shape[1]
        return total / frames.clamp(min=1), {"spectrum.sum": total, "spectrum.frames": frames}
