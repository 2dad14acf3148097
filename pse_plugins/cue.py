"""What is known of the enrolled speaker: the one currency of encoders and conditioners."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .errors import ConfigError, nearest

VIEWS = (
    "frames",
    "utterances",
    "utterances-mean",
    "utterances-last",
    "vector",
    "vector-mean",
    "vector-last",
)
"""The ways to read a `SpeakerCue`; see `SpeakerCue.view`."""


@dataclass(frozen=True)
class SpeakerCue:
    """What a speaker encoder knows of the enrolled speaker: the one currency of encoders and conditioners.

    Parameters
    ----------
    tokens : Tensor
        Hidden states over time, ``[B, Q, N, E]``.
    mask : Tensor
        ``[B, Q, N]``, True where a token is valid; an absent utterance has none.
    vectors : Tensor
        The encoder's own embedding of each utterance, ``[B, Q, E']``.
    """

    tokens: Tensor
    mask: Tensor
    vectors: Tensor

    def view(self, name: str, normalise: bool = True) -> tuple[Tensor, Tensor]:
        """Read the cue as a row of tokens.

        Encoders differ in scale (a d-vector of unit length has entries near 0.06): normalised, one learning rate suits
        them all. As they are, a layer learns to hear the small ones many times slower.

        Parameters
        ----------
        name : str
            ``"frames"``: all utterances' valid frames, ``[B, Q N, E]``.
            ``"utterances"``: the encoder's own embeddings, ``[B, Q, E']``.
            ``"utterances-mean"``, ``"utterances-last"``: each utterance's tokens pooled by mean or by last
            valid frame, ``[B, Q, E]``; pooling never mixes two utterances.
            ``"vector"``, ``"vector-mean"``, ``"vector-last"``: the average of those over the utterances,
            ``[B, 1, E' or E]``.
        normalise : bool
            Bring each token to zero mean and unit variance, without parameters.

        Returns
        -------
        tokens : Tensor
            As above; what is masked is zero.
        mask : Tensor
            ``[B, rows]``, True where a token is valid.

        Raises
        ------
        ConfigError
            If there is no such view.
        """
        tokens, mask = self._row(name)
        if normalise:
            tokens = functional.layer_norm(tokens, tokens.shape[-1:]).masked_fill(~mask.unsqueeze(-1), 0.0)
        return tokens, mask

    def _row(self, name: str) -> tuple[Tensor, Tensor]:
        """Read the cue as it is."""
        if name not in VIEWS:
            raise ConfigError(f"no cue view {name!r}{nearest(name, VIEWS)}; views: {', '.join(VIEWS)}")
        if name == "frames":
            mask = self.mask.flatten(1)
            return self.tokens.flatten(1, 2).masked_fill(~mask.unsqueeze(-1), 0.0), mask
        what, _, pooling = name.partition("-")
        tokens, mask = self._pool(pooling), self.mask.any(-1)  # [B, Q, E], [B, Q]
        tokens = tokens.masked_fill(~mask.unsqueeze(-1), 0.0)
        if what == "utterances":
            return tokens, mask
        count = mask.sum(1, keepdim=True).clamp(min=1).unsqueeze(-1)  # [B, 1, 1]
        return tokens.sum(1, keepdim=True) / count, mask.any(1, keepdim=True)

    def _pool(self, pooling: str) -> Tensor:
        """Pool each utterance's tokens, ``[B, Q, E]``, or give the encoder's own embeddings for ``""``."""
        if not pooling:
            return self.vectors
        if pooling == "mean":
            kept = self.tokens.masked_fill(~self.mask.unsqueeze(-1), 0.0)
            return kept.sum(2) / self.mask.sum(2, keepdim=True).clamp(min=1)
        frames = torch.arange(self.mask.shape[2], device=self.mask.device)
        last = (frames * self.mask).amax(2)  # [B, Q]
        index = last[..., None, None].expand(-1, -1, 1, self.tokens.shape[-1])
        return self.tokens.gather(2, index).squeeze(2)

    def to(self, *args: torch.device | torch.dtype | str) -> SpeakerCue:
        """Move to a device, or cast the floating-point parts, as `Tensor.to` does."""
        mask = self.mask.to(self.tokens.to(*args).device)
        return SpeakerCue(self.tokens.to(*args), mask, self.vectors.to(*args))
