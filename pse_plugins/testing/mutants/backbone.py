"""Wrong backbones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...contracts import MakeConditioner, Prepared, State, StateSpec
from ..references import ReferenceBackbone
from .mutant import Ward

_ward = Ward("backbone")
MUTANTS = _ward.mutants


@_ward.caught_by("declarations")
class NegativeLookahead(ReferenceBackbone):
    """Counts its latency with the wrong sign."""

    def __init__(self, n_bins: int, make_conditioner: MakeConditioner | None) -> None:
        super().__init__(n_bins, make_conditioner)
        self.lookahead_frames = -1


@_ward.caught_by("shape-and-dtype")
class MaskPerFrame(ReferenceBackbone):
    """Gives one value a frame instead of one a bin."""

    def squash(self, x: Tensor) -> Tensor:
        """Average over the bins."""
        return torch.sigmoid(x.mean(-1, keepdim=True))


@_ward.caught_by("batch-independent")
class NormalisesOverBatch(ReferenceBackbone):
    """Brings the batch to zero mean, not each item."""

    def squash(self, x: Tensor) -> Tensor:
        """Centre over the batch."""
        return torch.sigmoid(x - x.mean(0, keepdim=True))


@_ward.caught_by("cue-matters")
class ForgetsConditioner(ReferenceBackbone):
    """Builds the conditioner and never calls it."""

    def condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Leave the features as they are."""
        return x


@_ward.caught_by("works-without-cue")
class ClaimsToNeedCue(ReferenceBackbone):
    """Says that it needs a cue even without a conditioner."""

    def __init__(self, n_bins: int, make_conditioner: MakeConditioner | None) -> None:
        super().__init__(n_bins, make_conditioner)
        self.needs_cue = True


@_ward.caught_by("mask-in-range")
class UnboundedMask(ReferenceBackbone):
    """Has no upper bound on the mask."""

    def squash(self, x: Tensor) -> Tensor:
        """Rectify."""
        return torch.relu(x)


@_ward.caught_by("mask-in-range")
class MaskAboveOne(ReferenceBackbone):
    """Lets the mask exceed 1 a little, on loud input."""

    def squash(self, x: Tensor) -> Tensor:
        """Stretch the sigmoid."""
        return 1.05 * torch.sigmoid(x - 3)


@_ward.caught_by("finite-on-silence")
class LogOfZero(ReferenceBackbone):
    """Takes the logarithm of the magnitudes as they are."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Step on the logarithm."""
        return super().step(features.log(), prepared, state)


@_ward.caught_by("every-parameter-learns")
class FrozenHead(ReferenceBackbone):
    """Cuts the gradient before the head."""

    def condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition without a graph."""
        return super().condition(x, prepared).detach()


@_ward.caught_by("causal")
class CentresOverUtterance(ReferenceBackbone):
    """Subtracts the mean over the whole utterance."""

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate on centred features."""
        return super().forward(features - features.mean(1, keepdim=True), prepared)


@_ward.caught_by("latency-as-declared")
class HiddenLookahead(ReferenceBackbone):
    """Sees one frame ahead without declaring it."""

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate a frame early."""
        return super().forward(features.roll(-1, dims=1), prepared)


@_ward.caught_by("latency-as-declared")
class ClaimsLookahead(ReferenceBackbone):
    """Declares a lookahead and does not use it: the user waits for nothing."""

    def __init__(self, n_bins: int, make_conditioner: MakeConditioner | None) -> None:
        super().__init__(n_bins, make_conditioner, look_back=2, lookahead=1)

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Use all but the newest frame."""
        delayed = torch.cat([state["past"][:, -1:], features], dim=1)
        _, new = super().step(features, prepared, state)
        return super().step(delayed[:, :-1], prepared, state)[0], new


@_ward.caught_by("state-as-declared")
class GrowingState(ReferenceBackbone):
    """Keeps every frame it has seen."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Append, and use the last rows only."""
        recent = {**state, "past": state["past"][:, -self.past :]}
        mask, new = super().step(features, prepared, recent)
        return mask, {**new, "past": torch.cat([state["past"], features], dim=1)}


@_ward.caught_by("state-as-declared")
class UndeclaredState(ReferenceBackbone):
    """Returns a tensor that `state_spec` does not list."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Count frames too."""
        mask, new = super().step(features, prepared, {k: v for k, v in state.items() if k != "count"})
        return mask, {**new, "count": features.new_full((len(features), 1), features.shape[1])}


@_ward.caught_by("rings-are-rings")
class NewestFirst(ReferenceBackbone):
    """Declares a ring and keeps it with the newest row first."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Turn the ring round before and after."""
        mask, new = super().step(features, prepared, {**state, "past": state["past"].flip(1)})
        return mask, {**new, "past": new["past"].flip(1)}


@_ward.caught_by("step-leaves-state-untouched")
class WritesState(ReferenceBackbone):
    """Updates the state that it is given in place."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Copy the new state over the old one."""
        mask, new = super().step(features, prepared, state)
        return mask, {name: value.copy_(new[name].detach()) for name, value in state.items()}


@_ward.caught_by("fresh-state-forgets")
class RemembersOnSelf(ReferenceBackbone):
    """Keeps the running level on the module between streams."""

    last: Tensor | None = None

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Start from the level of the last call."""
        if self.last is not None and self.last.shape == state["level"].shape:
            state = {**state, "level": self.last}
        mask, new = super().step(features, prepared, state)
        self.last = new["level"].detach()
        return mask, new


@_ward.caught_by("streaming-equals-offline")
class DropsState(ReferenceBackbone):
    """Starts the running level afresh in every step."""

    def smooth(self, features: Tensor, level: Tensor) -> Tensor:
        """Follow the level from zero."""
        return super().smooth(features, torch.zeros_like(level))


@_ward.caught_by("streaming-equals-offline")
class NormalisesPerChunk(ReferenceBackbone):
    """Divides by the level of whatever comes in one call."""

    def condition(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition chunks of unit power."""
        return super().condition(x / (x.square().mean((1, 2), keepdim=True) + 1e-3).sqrt(), prepared)


@_ward.caught_by("streaming-equals-offline")
class KeepsOneFrameTooFew(ReferenceBackbone):
    """Loses the oldest row of the past between steps."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Blank the oldest row."""
        past = functional.pad(state["past"][:, 1:], (0, 0, 1, 0))
        return super().step(features, prepared, {**state, "past": past})


@_ward.caught_by("long-signals")
class PositionsFromATable(ReferenceBackbone):
    """Adds a learned code of each frame's position, of a table with a thousand entries."""

    def __init__(self, n_bins: int, make_conditioner: MakeConditioner | None) -> None:
        super().__init__(n_bins, make_conditioner)
        self.codes = nn.Embedding(1000, n_bins)

    def state_spec(self) -> list[StateSpec]:
        """List the count of frames too."""
        return [*super().state_spec(), StateSpec("count", (1,))]

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Go on counting, and estimate."""
        frames = torch.arange(features.shape[1], device=features.device)
        positions = state["count"].long() + frames  # [B, t]
        mask, new = super().step(features + self.codes(positions), prepared, state)
        return mask, {**new, "count": state["count"] + features.shape[1]}


@_ward.caught_by("step-follows-dtype-and-device")
class StateOnCpu(ReferenceBackbone):
    """Makes state on the CPU and in float32, wherever the features are."""

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Step, with a count made from nothing."""
        mask, new = super().step(features, prepared, {k: v for k, v in state.items() if k != "count"})
        return mask, {**new, "count": torch.full((len(features), 1), 1.0)}

    def state_spec(self) -> list[StateSpec]:
        """List the count too."""
        return [*super().state_spec(), StateSpec("count", (1,))]
