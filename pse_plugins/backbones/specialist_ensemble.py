"""An ensemble of specialists, of which a gate runs one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from pse_runtime.selection import Policy
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

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
from .branch import Branch

MakeExpert = Callable[[MakeConditioner | None], Backbone]
_NOBODY = -1


class SpecialistEnsemble(Backbone):
    """``K`` specialists ``h_k``, and a gate ``g`` on an embedding ``f`` of the noisy signal that chooses one.

    Sivaraman & Kim, "Zero-shot personalized speech enhancement through speaker-informed model selection". In
    training all specialists run and their masks are added with the weights of a softmax of base
    ``e^temperature``. In evaluation one runs. Offline it is chosen once for an utterance, after all of it was
    heard (`listen`); in a stream by a policy (`selection.Policy`): the gate's cost and one specialist's a
    frame, whatever ``K``, and a second specialist's while one takes over from another.

    Parameters
    ----------
    n_bins : int
        Frequency bins ``F``.
    make_conditioner : callable or None
        Passed to each specialist; with None the ensemble needs no enrolment.
    make_expert : callable
        Builds a specialist from a ``make_conditioner``; in a recipe ``expert`` and ``expert_options`` name it.
    make_encoder : callable
        Builds ``f``, an encoder of features; in a recipe ``encoder`` and ``encoder_options`` name it.
    experts : int
        How many ``K``.
    temperature : float
        Logarithm of the base of the softmax; 10 in the paper.
    recompute : bool
        Keep no specialist's activations in training: memory of one specialist, a third more time.
    first, every, smoothing, hysteresis, warm_up, fade, fallback
        Of the `selection.Policy` of streams.

    Raises
    ------
    ConfigError
        If an option is out of range, or the encoder reads no features.
    """

    def __init__(
        self,
        n_bins: int,
        make_conditioner: MakeConditioner | None,
        make_expert: MakeExpert | None = None,
        make_encoder: Callable[[], SpeakerEncoder] | None = None,
        experts: int = 10,
        temperature: float = 10.0,
        recompute: bool = False,
        first: int = 16,
        every: int = 4,
        smoothing: int = 8,
        hysteresis: float = 0.3,
        warm_up: int = 8,
        fade: int = 4,
        fallback: int = 0,
    ) -> None:
        super().__init__()
        if make_expert is None or make_encoder is None:
            raise ConfigError(
                "specialist-ensemble: is built by build_enhancer, which makes its expert and encoder"
            )
        if experts < 1 or fallback >= experts:
            raise ConfigError(
                f"specialist-ensemble: needs an expert and a fallback below {experts} (experts), got {fallback}"
            )
        self.policy = Policy(first, every, smoothing, hysteresis, warm_up, fade, fallback)
        self.temperature, self.recompute = temperature, recompute
        self.encoder = make_encoder()
        if self.encoder.input != "features":
            raise ConfigError(
                f"specialist-ensemble: {type(self.encoder).__name__} reads a {self.encoder.input}; "
                "its encoder must hear the mixture as it comes, input: features"
            )
        self.gate = nn.Linear(self.encoder.vector_dim, experts)
        self.experts = nn.ModuleList(make_expert(make_conditioner) for _ in range(experts))
        one = self._expert(0)
        self.needs_cue, self.lookahead_frames, self.output = one.needs_cue, one.lookahead_frames, one.output
        self.can_stream = one.can_stream

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue, and whatever else, for each specialist."""
        return Prepared.join({f"experts.{k}": self._expert(k).prepare(cue) for k in range(len(self.experts))})

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Hear whole signals first: a soft gate in training, one specialist an utterance in evaluation."""
        if "expert" in prepared.tensors:
            return prepared
        logits = self.gate_logits(features, frames)
        if self.training:
            gates = {"gates": (self.temperature * logits).softmax(-1)}
        else:
            gates = {"expert": logits.argmax(-1)}
        for k in range(len(self.experts)):
            heard = self._expert(k).listen(features, prepared.part(f"experts.{k}"), frames).tensors
            gates |= {f"experts.{k}.{name}": value for name, value in heard.items()}
        return Prepared({**prepared.tensors, **gates}, prepared.losses)

    def gate_logits(self, features: Tensor, frames: Tensor) -> Tensor:
        """Give the gate's logits ``[B, K]`` after ``frames [B]`` of features ``[B, T, F]``."""
        return self.gate(self.encoder(features, frames).vectors[:, 0])

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``; without `listen`, as a stream would."""
        if "expert" in prepared.tensors:
            return self._chosen(features, prepared, prepared.tensors["expert"])
        if self.training:
            if "gates" not in prepared.tensors:
                whole = torch.full((features.shape[0],), features.shape[1], device=features.device)
                prepared = self.listen(features, prepared, whole)
            return self._mixed(features, prepared, prepared.tensors["gates"])
        padded = nn.functional.pad(features, (0, 0, 0, self.lookahead_frames))
        state = initial_state(self.state_spec(), features.shape[0], features)
        return self.step(padded, prepared, state)[0][:, self.lookahead_frames :]

    def _mixed(self, features: Tensor, prepared: Prepared, gates: Tensor) -> Tensor:
        """Run all specialists and add their masks, weighted by ``gates [B, K]``."""
        mask = torch.zeros_like(features)
        for k in range(len(self.experts)):
            part = prepared.part(f"experts.{k}")
            if self.recompute and torch.is_grad_enabled():
                one = checkpoint(self.experts[k], features, part, use_reentrant=False)
            else:
                one = self.experts[k](features, part)
            mask = mask + gates[:, k, None, None] * one
        return mask

    def _chosen(self, features: Tensor, prepared: Prepared, expert: Tensor) -> Tensor:
        """Run for each item the specialist of ``expert [B]``, all items of one specialist together."""
        mask, numbers = torch.zeros_like(features), _numbers(expert)
        for k in sorted(set(numbers)):
            rows = torch.tensor(
                [b for b, number in enumerate(numbers) if number == k], device=features.device
            )
            part = _rows(prepared.part(f"experts.{k}"), rows, features.shape[0])
            mask = mask.index_copy(0, rows, self._expert(k)(features[rows], part))
        return mask

    def state_spec(self) -> list[StateSpec]:
        """List what the encoder, the gate and two specialists carry: the one that runs and one that takes over.

        Their rings are declared as tensors to be replaced, as a change of specialist replaces them whole.
        """
        whole = {"dtype": torch.int64}
        own = [
            StateSpec("heard", (), **whole),  # type: ignore[arg-type]
            StateSpec("active", (), init=self.policy.fallback, **whole),  # type: ignore[arg-type]
            StateSpec("coming", (), init=_NOBODY, **whole),  # type: ignore[arg-type]
            StateSpec("age", (), **whole),  # type: ignore[arg-type]
            StateSpec("votes", (len(self.experts),), init=1 / len(self.experts)),
        ]
        slots = [
            StateSpec(f"{slot}.{s.name}", s.shape, s.dtype, s.init)
            for slot in ("active", "coming")
            for s in self._expert(0).state_spec()
        ]
        encoder = [StateSpec(s.name, s.shape, s.dtype, s.init) for s in self.encoder.state_spec()]
        return [*own, *slots, *encoder]

    def branches(self) -> list[Backbone]:
        """Give each specialist with the gate that it runs beside."""
        return [Branch(self.encoder, self.gate, self._expert(k)) for k in range(len(self.experts))]

    def selection(self) -> dict[str, Any]:
        """Choose among the specialists as a stream does."""
        return {"policy": asdict(self.policy), "votes": "votes", "own": ["expert"]}

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames; each stream of a batch follows its own voice."""
        batch = features.shape[0]
        masks, states = [], []
        for b in range(batch):
            row = torch.tensor([b], device=features.device)
            one = {name: value[b : b + 1] for name, value in state.items()}
            mask, one = self._follow(features[b : b + 1], _rows(prepared, row, batch), one)
            masks.append(mask)
            states.append(one)
        return torch.cat(masks), {name: torch.cat([one[name] for one in states]) for name in state}

    def _follow(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Run one stream ``[1, t, F]``, stopping wherever something is decided or a change is complete."""
        if "expert" in prepared.tensors:
            state = {**state, "active": prepared.tensors["expert"]}
            mask, slot = self._run("active", features, prepared, state)
            return mask, {**state, **slot}
        masks, start = [], 0
        while start < features.shape[1]:
            heard, age = _number(state["heard"]), _number(state["age"])
            until = self.policy.every - heard % self.policy.every
            if _number(state["coming"]) != _NOBODY:
                until = min(until, self.policy.change - age)
            piece = features[:, start : start + until]
            mask, state = self._piece(piece, prepared, state)
            masks.append(mask)
            start += until
        return torch.cat(masks, dim=1), state

    def _piece(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Run frames between two decisions, and decide if it is time."""
        frames, new = features.shape[1], dict(state)
        vector, heard = self.encoder.step(
            features, {s.name: state[s.name] for s in self.encoder.state_spec()}
        )
        mask, slot = self._run("active", features, prepared, state)
        new |= {**heard, **slot}
        if _number(state["coming"]) != _NOBODY:
            age = _number(state["age"])
            other, slot = self._run("coming", features, prepared, state)
            shares = features.new_tensor([self.policy.weight(age + i) for i in range(frames)])
            mask = mask + shares[:, None] * (other - mask)
            new |= {**slot, "age": state["age"] + frames}
            if age + frames >= self.policy.change:
                new = self._take_over(new)
        new["heard"] = state["heard"] + frames
        if _number(new["heard"]) % self.policy.every == 0:
            new = self._decide(vector, new)
        return mask, new

    def _decide(self, vector: Tensor, state: State) -> State:
        """Average the gate's probabilities, and let another specialist come if it is much more probable."""
        now = self.gate(vector).softmax(-1).to(state["votes"].dtype)
        votes = state["votes"] + self.policy.forgetting * (now - state["votes"])
        state = {**state, "votes": votes}
        if votes.is_meta or _number(state["coming"]) != _NOBODY:
            return state
        active = _number(state["active"])
        chosen = self.policy.choose(votes[0].tolist(), active, _number(state["heard"]))
        if chosen == active:
            return state
        fresh = initial_state(self._expert(chosen).state_spec(), 1, votes)
        slot = {f"coming.{name}": value for name, value in fresh.items()}
        return {**state, **slot, "coming": state["coming"] * 0 + chosen, "age": state["age"] * 0}

    def _take_over(self, state: State) -> State:
        """Put the coming specialist in the place of the active one."""
        moved = {
            name: state[name.replace("active.", "coming.")] for name in state if name.startswith("active.")
        }
        return {**state, **moved, "active": state["coming"], "coming": state["coming"] * 0 + _NOBODY}

    def _run(self, slot: str, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Run the specialist of a slot; its new state, named as in ours."""
        k = _number(state[slot])
        own = {name.removeprefix(f"{slot}."): v for name, v in state.items() if name.startswith(f"{slot}.")}
        mask, own = self._expert(k).step(features, prepared.part(f"experts.{k}"), own)
        return mask, {f"{slot}.{name}": value for name, value in own.items()}

    def _expert(self, k: int) -> Backbone:
        expert: Any = self.experts[k]
        return expert


def _number(value: Tensor) -> int:
    """Read a number off a tensor of one; without its data, the first."""
    return 0 if value.is_meta else int(value)


def _numbers(values: Tensor) -> list[int]:
    return [0] * len(values) if values.is_meta else values.tolist()


def _rows(prepared: Prepared, rows: Tensor, batch: int) -> Prepared:
    """Take some items' share of prepared tensors; those with a batch of 1 are everybody's."""
    return Prepared(
        {k: v if v.shape[0] != batch or batch == 1 else v[rows] for k, v in prepared.tensors.items()}
    )
