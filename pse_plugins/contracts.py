"""What the interchangeable parts promise each other: shapes, units and state, said once.

Letters used in every shape: ``B`` batch, ``S`` samples, ``T`` frames, ``F`` frequency bins, ``C`` channels
of a hidden layer, ``Q`` enrolment utterances, ``N`` frames of an utterance, ``E`` width of a cue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from .cue import VIEWS, SpeakerCue

__all__ = [
    "SITES",
    "VIEWS",
    "Backbone",
    "Conditioner",
    "Loss",
    "MakeConditioner",
    "Metric",
    "Prepared",
    "Recogniser",
    "SpeakerCue",
    "SpeakerEncoder",
    "State",
    "StateSpec",
    "initial_state",
]

SITES = ("input", "after-attention", "features")
"""Where a conditioner may stand."""

State = dict[str, Tensor]
"""Streaming state: name -> tensor ``[B, *shape]``, passed in and out and never kept on a module."""


@dataclass(frozen=True)
class Prepared:
    """A cue as a conditioner will use it: computed once per speaker, then read at every frame.

    Parameters
    ----------
    tensors : dict
        Name -> tensor with the batch first: projections, keys and values, gates.
    losses : dict
        Name -> scalar auxiliary loss to add in training (load balance, say).
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    losses: dict[str, Tensor] = field(default_factory=dict)

    def part(self, prefix: str) -> Prepared:
        """Give one conditioner's share of what `join` made."""
        start = prefix + "."
        return Prepared({k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)})

    @staticmethod
    def join(parts: Mapping[str, Prepared]) -> Prepared:
        """Put several conditioners' preparations in one flat record, each name behind its prefix."""
        tensors = {f"{p}.{k}": v for p, part in parts.items() for k, v in part.tensors.items()}
        losses = {f"{p}.{k}": v for p, part in parts.items() for k, v in part.losses.items()}
        return Prepared(tensors, losses)

    def detach(self) -> Prepared:
        """Cut the graph and drop the losses, for inference."""
        return Prepared({k: v.detach() for k, v in self.tensors.items()})


@dataclass(frozen=True)
class StateSpec:
    """One tensor of streaming state.

    Parameters
    ----------
    name : str
        Its key in `State`.
    shape : tuple of int
        Without the batch, which always comes first.
    dtype : torch.dtype or None
        None follows the features' type.
    init : float
        The value it starts with.
    update : {"replace", "ring"}
        ``"ring"``: a step of ``t`` frames drops the ``t`` oldest rows of the first axis and appends ``t``
        new ones (`rings.append`), so that a host can keep a ring buffer and ask only for the new rows.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype | None = None
    init: float = 0.0
    update: Literal["replace", "ring"] = "replace"


class SpeakerEncoder(nn.Module):
    """Enrolment audio in, `SpeakerCue` out.

    An encoder with ``input = "waveform"`` is called as ``forward(waveforms [B, Q, S], lengths [B, Q])``,
    lengths in samples at `sample_rate`; length 0 marks an absent utterance. One with ``input = "features"``
    is called as ``forward(features [B, T, F], lengths [B])``, lengths in frames, and can also embed a signal
    as it comes: ``step(features [B, t, F], state) -> (vector [B, E'], state)`` with `state_spec`.

    Attributes
    ----------
    sample_rate : int
        Rate in Hz of the audio it reads; for one that reads features, the enhancer sets its own.
    cue_dim : int
        Width ``E`` of its tokens.
    vector_dim : int
        Width ``E'`` of its vectors.
    input : {"waveform", "features"}
        What it reads.
    frozen : bool
        Whether its weights stay as they are; it is then always in evaluation mode and its cues are cached.
    """

    sample_rate: int = 16000
    cue_dim: int
    vector_dim: int
    input: Literal["waveform", "features"] = "waveform"
    frozen: bool = False

    def view_dim(self, view: str) -> int:
        """Width of a `SpeakerCue.view` of this encoder's cues."""
        return self.vector_dim if view in ("utterances", "vector") else self.cue_dim

    def train(self, mode: bool = True) -> SpeakerEncoder:
        """Switch to training mode, unless the encoder is frozen."""
        super().train(mode and not self.frozen)
        return self

    def freeze(self) -> SpeakerEncoder:
        """Keep the weights as they are and stay in evaluation mode from now on."""
        self.frozen = True
        return self.requires_grad_(False).train(False)  # type: ignore[return-value]

    def fingerprint(self) -> str:
        """Give a short hash of class, `extra_repr` and weights: cues of another fingerprint must not be used.

        The weights are rounded to float16 first, so that storing them so does not make another encoder.
        """
        digest = hashlib.sha256((type(self).__name__ + self.extra_repr()).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(value.detach().cpu().half().numpy()).tobytes())
        return digest.hexdigest()[:16]


class Conditioner(nn.Module):
    """Steers hidden features by the speaker. Built as ``(dim, cue_dim)``; all else is a keyword.

    It owns its residual and its normalisation, acts on each frame alone, and keeps no state.

    Attributes
    ----------
    site : {"input", "after-attention", "features"}
        Where it prefers to stand: before a layer mixes over time, or after; or before the backbone, where it is
        built once with ``dim`` the number of bins and sees the features themselves.
    view : str
        The `SpeakerCue.view` it reads; ``cue_dim`` is the width of that view.
    """

    site: Literal["input", "after-attention", "features"] = "input"
    view: str = "vector"

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Do the work that depends on the speaker only; once per speaker, batched and differentiable."""
        raise NotImplementedError

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Condition features ``[B, T, C]``; returns the same shape."""
        raise NotImplementedError


class MakeConditioner(Protocol):
    """What a backbone is given to build its conditioners with, one a layer."""

    def __call__(self, dim: int) -> Conditioner:
        """Build a conditioner for ``dim`` channels."""


class Backbone(nn.Module):
    """Features and a prepared cue in, mask out. Built as ``(n_bins, make_conditioner, **options)``.

    Attributes
    ----------
    output : str
        What it estimates; ``"mask"`` is a real mask ``[B, T, F]`` in [0, 1].
    lookahead_frames : int
        Frames after ``t`` that the mask of frame ``t`` depends on. In streaming, the mask that comes out
        with frame ``t`` is the mask of frame ``t - lookahead_frames``.
    needs_cue : bool
        False for a backbone without conditioners.
    can_stream : bool
        Whether `step` may be used.
    cues_itself : bool
        Its conditioners read what its own encoder (``make_encoder``) hears in the mixture: no enrolment.
    """

    output: str = "mask"
    lookahead_frames: int = 0
    needs_cue: bool = True
    can_stream: bool = True
    cues_itself: bool = False

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare the cue for every conditioner inside, keyed by the module's name."""
        if cue is None:
            return Prepared()
        inside = {name: m for name, m in self.named_modules() if isinstance(m, Conditioner)}
        return Prepared.join({name: m.prepare(cue) for name, m in inside.items()})

    def listen(self, features: Tensor, prepared: Prepared, frames: Tensor) -> Prepared:
        """Hear whole signals ``[B, T, F]``, of which ``frames [B]`` count, before their masks are estimated.

        A backbone that decides something once for an utterance (which specialist runs) adds it to what was
        prepared. It is called offline only: in a stream the same has to be decided as the signal comes.
        """
        return prepared

    def forward(self, features: Tensor, prepared: Prepared) -> Tensor:
        """Estimate the mask of whole signals, ``[B, T, F] -> [B, T, F]``."""
        raise NotImplementedError

    def branches(self) -> list[Backbone]:
        """Give what a step can be without decisions that depend on the signal, for export: itself, or one a choice.

        All of them have the same `state_spec`.
        """
        return [self]

    def selection(self) -> dict[str, Any] | None:
        """Say how one of several `branches` is chosen; None for one.

        ``policy``: options of `pse_runtime.selection.Policy`. ``votes``: the state that says how probable each is.
        ``own``: prefixes of the states that are a branch's own; others are the same whichever runs.
        """
        return None

    def state_spec(self) -> list[StateSpec]:
        """List the tensors that `step` takes and returns."""
        raise NotImplementedError

    def step(self, features: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Estimate the mask of the next ``t`` frames, ``[B, t, F]``, for any ``t``; leaves ``state`` untouched."""
        raise NotImplementedError


def initial_state(specs: list[StateSpec], batch: int, like: Tensor) -> State:
    """Make the state a stream starts from.

    Parameters
    ----------
    specs : list of StateSpec
        What the module declares.
    batch : int
        Number of parallel streams ``B``.
    like : Tensor
        Gives the device and, where a spec names none, the type.

    Returns
    -------
    dict
        Name -> tensor ``[B, *shape]``.
    """
    return {
        s.name: torch.full((batch, *s.shape), s.init, dtype=s.dtype or like.dtype, device=like.device)
        for s in specs
    }


class Loss(Protocol):
    """A training loss: a callable without state of its own."""

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare ``[B, S]`` with ``[B, S]``, lengths ``[B]`` in samples; one value an item, ``[B]``."""


class Metric(Protocol):
    """A score of one item, on NumPy arrays.

    Attributes
    ----------
    unit : str
        ``"dB"``, ``""``; shown in tables.
    higher_is_better : bool
        Its direction.
    """

    unit: str
    higher_is_better: bool

    def __call__(self, estimate: np.ndarray, target: np.ndarray, mixture: np.ndarray, rate: int) -> float:
        """Score an estimate ``[S]``; NaN where the metric is not defined, never a made-up number."""


class Recogniser(Protocol):
    """A speech recogniser, for word error rates."""

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz; words in upper case, separated by spaces."""
