"""What is exported, as modules of plain tensors: the step, the preparation of a cue, the speaker encoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..contracts import Prepared, SpeakerCue, StateSpec, initial_state
from ..enhancer import Enhancer
from ..rings import rings_held_outside


class StepModule(nn.Module):
    """One hop: samples ``[1, hop]``, what was prepared, and the state; gives the next samples and states.

    Of a state that is a ring it gives the new row only, ``[1, 1, ...]``: who runs it keeps the ring.

    Parameters
    ----------
    enhancer : Enhancer
        Whose step it is.
    prepared : sequence of str
        Names of the prepared tensors, in the order of the inputs.
    """

    def __init__(self, enhancer: Enhancer, prepared: Sequence[str]) -> None:
        super().__init__()
        self.enhancer, self.prepared = enhancer, list(prepared)
        specs = enhancer.state_spec()
        self.states = [spec for spec in specs if 0 not in spec.shape]
        self.empty = [spec for spec in specs if 0 in spec.shape]  # a look-back of 0, say

    def forward(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """Run the hop on samples, prepared tensors and states, in the order of names."""
        (samples, *tensors), count = inputs, len(self.prepared)
        prepared = Prepared(dict(zip(self.prepared, tensors[:count])))
        state = initial_state(self.empty, 1, samples)
        state |= dict(zip((spec.name for spec in self.states), tensors[count:]))
        with rings_held_outside():
            out, new = self.enhancer.step(samples, prepared, state)
        return out, *(_newest(spec, new[spec.name]) for spec in self.states)


class PrepareModule(nn.Module):
    """A cue, as tokens, mask and vectors, to prepared tensors."""

    def __init__(self, enhancer: Enhancer) -> None:
        super().__init__()
        self.enhancer = enhancer

    def forward(self, cue: list[Tensor]) -> tuple[Tensor, ...]:
        """Prepare; the order is that of the names of `Prepared.tensors`."""
        return tuple(self.enhancer.prepare(SpeakerCue(*cue)).tensors.values())


class EncodeModule(nn.Module):
    """One clip ``[1, 1, S]``, of which ``lengths [1, 1]`` samples count, to tokens, mask and vectors of a cue."""

    def __init__(self, enhancer: Enhancer) -> None:
        super().__init__()
        self.enhancer = enhancer
        self.encoder = enhancer.speaker_encoder  # named, as a frozen one is no module of the enhancer

    def forward(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """Encode."""
        cue = self.enhancer.embed(*inputs)
        return cue.tokens, cue.mask, cue.vectors


def _newest(spec: StateSpec, state: Tensor) -> Tensor:
    return state[:, state.shape[1] - 1 :] if spec.update == "ring" else state
