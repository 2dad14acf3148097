"""A speaker's profile, with its cue as the tensors that networks take."""

from __future__ import annotations

from collections.abc import Sequence

import pse_runtime.profile
import torch

from .contracts import SpeakerCue


class Profile(pse_runtime.profile.Profile):
    """An enrolled speaker, for one speaker encoder; saved and read as `pse_runtime.profile.Profile` is."""

    @classmethod
    def of(
        cls, cue: SpeakerCue, fingerprint: str, sample_rate: int, notes: Sequence[str] = (), encoder: str = ""
    ) -> Profile:
        """Make a profile of a cue with a batch of one: tokens ``[1, Q, N, E]``, mask and vectors."""
        tokens, mask, vectors = (part.detach().cpu().numpy() for part in (cue.tokens, cue.mask, cue.vectors))
        return cls(tokens, mask, vectors, fingerprint, sample_rate, notes, encoder)

    @property
    def cue(self) -> SpeakerCue:
        """What the encoder made of the clips, on the CPU."""
        return SpeakerCue(*(torch.from_numpy(part) for part in (self.tokens, self.mask, self.vectors)))
