"""A backbone whose conditioners are steered by the noisy signal itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..contracts import (
    Backbone,
    MakeConditioner,
    Prepared,
    SpeakerCue,
    SpeakerEncoder,
    State,
    StateSpec,
    initial_state,
)
from ..errors import ConfigError

_VECTOR = "vector"


class SelfConditioned(Backbone):
    """Any conditioner in any backbone, without enrolment: an encoder hears the mixture and gives the cue.

    With ``sparse-moe`` this is a mixture of experts inside one network, gated as an ensemble of specialists is.
    Offline the cue is the embedding of the whole signal (`listen`). In a stream it is that of what was heard so
    far, renewed every few frames; before ``first`` frames it is zero.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable
        Builds the conditioners; the cue is one token, the encoder's embedding.
    make_expert : callable
        Builds the backbone around them; in a recipe ``expert`` and ``expert_options`` name it.
    make_encoder : callable
        Builds the encoder of features; in a recipe ``encoder`` and ``encoder_options`` name it.
    first : int
        Frames heard before the cue is used.
    every : int
        Frames between renewals.

    Raises
    ------
    ConfigError
        If there is no conditioner, the encoder reads no features, or an option is out of range.
    """

    cues_itself = True

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        make_expert: Callable[[MakeConditioner | None], Backbone] | None = None,
        make_encoder: Callable[[], SpeakerEncoder] | None = None,
        first: int = 16,
        every: int = 8,
    ) -> None:
        super().__init__()
        if make_conditioner is None:
            raise ConfigError("self-conditioned: has nothing to steer; name a conditioner")
        if make_expert is None or make_encoder is None:
            raise ConfigError(
                "self-conditioned: is built by build_enhancer, which makes its expert and encoder"
            )
        if first < 0 or every < 1:
            raise ConfigError(f"self-conditioned: first {first} must be at least 0, every {every} at least 1")
        self.encoder = make_encoder()
        if self.encoder.input != "features":
            raise ConfigError(
                f"self-conditioned: {type(self.encoder).__name__} reads a {self.encoder.input}; "
                "its encoder must hear the mixture as it comes, input: features"
            )
        self.backbone = make_expert(make_conditioner)
        self.first, self.every, self.needs_cue = first, every, False
        self.lookahead_frames, self.output = self.backbone.lookahead_frames, self.backbone.output
        self.can_stream = self.backbone.can_stream

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare nothing: who speaks is heard in the signal."""
        return Prepared()

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Embed whole signals, and prepare the conditioners with that."""
        vector = self.encoder(features, frames).vectors[:, 0]
        inner = self.backbone.listen(features, Prepared(), frames).tensors
        noted = {f"inner.{name}": value for name, value in inner.items()}
        return Prepared({_VECTOR: vector, **noted}, self._steer(vector).losses)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``; without `listen`, as a stream would."""
        if self.training and _VECTOR not in prepared.tensors:
            whole = torch.full((features.shape[0],), features.shape[1], device=features.device)
            prepared = self.listen(features, prepared, whole)
        if _VECTOR in prepared.tensors:
            steered = self._steer(prepared.tensors[_VECTOR]).tensors
            return self.backbone(features, Prepared({**steered, **prepared.part("inner").tensors}))
        padded = torch.nn.functional.pad(features, (0, 0, 0, self.lookahead_frames))
        state = initial_state(self.state_spec(), features.shape[0], features)
        return self.step(padded, prepared, state)[0][:, self.lookahead_frames :]

    def _steer(self, vector: Tensor) -> Prepared:
        """Prepare the conditioners with embeddings ``[B, E]``, as a cue of one token."""
        token = vector[:, None, None]
        there = torch.ones(token.shape[:3], dtype=torch.bool, device=vector.device)
        return self.backbone.prepare(SpeakerCue(token, there, vector[:, None]))

    def state_spec(self) -> list[StateSpec]:
        """List what is heard, the cue in use, and what encoder and backbone carry."""
        own = [
            StateSpec("heard", (), torch.int64),
            StateSpec(_VECTOR, (self.encoder.vector_dim,)),
        ]
        inner = [
            StateSpec(f"inner.{s.name}", s.shape, s.dtype, s.init, s.update)
            for s in self.backbone.state_spec()
        ]
        return [*own, *self.encoder.state_spec(), *inner]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames, each stream of a batch renewing its own cue."""
        masks, start = [], 0
        while start < features.shape[1]:
            until = 1 if features.shape[1] == 1 else self._until(state["heard"])
            mask, state = self._piece(features[:, start : start + until], prepared, state)
            masks.append(mask)
            start += until
        return torch.cat(masks, dim=1), state

    def _until(self, heard: Tensor) -> int:
        """Count the frames until the first stream of a batch renews its cue, after so many heard ``[B]``."""
        return min(self.every - frames % self.every for frames in ([0] if heard.is_meta else heard.tolist()))

    def _piece(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Run frames between two renewals of the cue, and renew it if it is time."""
        inner = {k.removeprefix("inner."): v for k, v in state.items() if k.startswith("inner.")}
        steered = self._steer(prepared.tensors.get(_VECTOR, state[_VECTOR]))
        mask, inner = self.backbone.step(features, steered, inner)
        names = [spec.name for spec in self.encoder.state_spec()]
        vector, listening = self.encoder.step(features, {name: state[name] for name in names})
        heard = state["heard"] + features.shape[1]
        due = (heard >= self.first) & (heard % self.every == 0)
        return mask, {
            "heard": heard,
            _VECTOR: torch.where(due[:, None], vector, state[_VECTOR]),
            **listening,
            **{f"inner.{name}": value for name, value in inner.items()},
        }
