"""One specialist of an ensemble, and the gate that listens beside it: a step without decisions."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Backbone, Prepared, SpeakerCue, SpeakerEncoder, State, StateSpec


class Branch(Backbone):
    """What a frame costs: the gate, whose probabilities are left in the state, and one specialist.

    Parameters
    ----------
    encoder : SpeakerEncoder
        Of features; hears the mixture.
    gate : nn.Linear
        From its vector to the specialists.
    expert : Backbone
        The specialist.
    """

    def __init__(self, encoder: SpeakerEncoder, gate: nn.Linear, expert: Backbone) -> None:
        super().__init__()
        self.encoder, self.gate, self.expert = encoder, gate, expert
        self.needs_cue, self.output = expert.needs_cue, expert.output
        self.lookahead_frames, self.can_stream = expert.lookahead_frames, expert.can_stream

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue for the specialist."""
        return self.expert.prepare(cue)

    def state_spec(self) -> list[StateSpec]:
        """List the gate's probabilities, and what encoder and specialist carry."""
        own = [
            StateSpec(f"expert.{s.name}", s.shape, s.dtype, s.init, s.update)
            for s in self.expert.state_spec()
        ]
        return [StateSpec("votes", (self.gate.out_features,)), *self.encoder.state_spec(), *own]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the specialist's mask of the next frames, and hear them."""
        vector, heard = self.encoder.step(
            features, {s.name: state[s.name] for s in self.encoder.state_spec()}
        )
        inner = {name.removeprefix("expert."): v for name, v in state.items() if name.startswith("expert.")}
        mask, inner = self.expert.step(features, prepared, inner)
        own = {f"expert.{name}": value for name, value in inner.items()}
        return mask, {"votes": self.gate(vector).softmax(-1), **heard, **own}
