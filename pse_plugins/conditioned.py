"""A conditioner that steers the features themselves, before the backbone sees them."""

from __future__ import annotations

from torch import Tensor

from .contracts import Backbone, Conditioner, Prepared, SpeakerCue, State, StateSpec


class ConditionedFeatures(Backbone):
    """A backbone behind a conditioner of its features: how ``site = "features"`` is honoured.

    Parameters
    ----------
    conditioner : Conditioner
        Built for as many channels as the features have bins.
    backbone : Backbone
        Built without conditioners.
    """

    needs_cue = True

    def __init__(self, conditioner: Conditioner, backbone: Backbone) -> None:
        super().__init__()
        self.conditioner, self.backbone = conditioner, backbone
        self.output, self.can_stream = backbone.output, backbone.can_stream
        self.lookahead_frames = backbone.lookahead_frames

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue for the conditioner, and what the backbone prepares without one."""
        own = Prepared() if cue is None else self.conditioner.prepare(cue)
        return Prepared.join({"conditioner": own, "backbone": self.backbone.prepare(None)})

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Let the backbone hear the conditioned features."""
        conditioned = self._conditioned(features, prepared)
        heard = self.backbone.listen(conditioned, prepared.part("backbone"), frames)
        inner = {f"backbone.{name}": value for name, value in heard.tensors.items()}
        return Prepared({**prepared.tensors, **inner}, prepared.losses)

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        return self.backbone(self._conditioned(features, prepared), prepared.part("backbone"))

    def state_spec(self) -> list[StateSpec]:
        """List the backbone's tensors."""
        return self.backbone.state_spec()

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames."""
        return self.backbone.step(self._conditioned(features, prepared), prepared.part("backbone"), state)

    def _conditioned(self, features: Tensor, prepared: Prepared) -> Tensor:
        return self.conditioner(features, prepared.part("conditioner"))
