"""A stream that runs exported graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from .hops import HopStream
from .lane import Buffer, Lane
from .manifest import Manifest, Spec

_NOBODY = -1


class Stream(HopStream):
    """One running enhancement; see `HopStream` for `feed`, `flush`, `reset`, `save` and `restore`.

    Parameters
    ----------
    manifest : Manifest
        Of the exported model.
    sessions : sequence of InferenceSession
        Its step graphs, shared freely: a stream keeps its state to itself.
    prepared : sequence of mapping
        For each, name -> what was prepared for the speaker.

    Attributes
    ----------
    latency : int
        Algorithmic latency in samples; blocks add their own.
    """

    def __init__(
        self,
        manifest: Manifest,
        sessions: Sequence[onnxruntime.InferenceSession],
        prepared: Sequence[Mapping[str, np.ndarray]],
    ) -> None:
        super().__init__(manifest.hop, manifest.latency)
        longest = max([2, *(spec.rows for spec in manifest.state)])
        self._period = longest + longest % 2
        self._samples = np.zeros((1, manifest.hop), dtype=np.float32)
        shared = {s.name: Buffer(s, self._period) for s in manifest.state if s.role == "shared"}
        self._shared = shared
        self._lanes = [
            _OwnLane(manifest.state, shared, self._period, self._samples, session, given)
            for session, given in zip(sessions, prepared)
        ]
        self._specs, self._graphs = manifest.state, [manifest.files.get(name, "") for name in manifest.steps]
        self._policy, self._votes = manifest.selection(), manifest.votes
        self._phase = self._heard = self._age = self._active = 0
        self._coming = _NOBODY
        self._average = np.zeros(len(self._lanes), dtype=np.float32)
        self._forget()

    def _execute(self, chunk: np.ndarray) -> np.ndarray:
        self._samples[0] = chunk
        active = self._lanes[self._active]
        active.lane.run(self._phase)
        if self._policy is not None:
            self._select(active)
        self._phase = (self._phase + 1) % self._period
        return active.enhanced[0].copy()

    def _select(self, active: _OwnLane) -> None:
        """Let another specialist come, and decide if it is time; as the ensemble's own step does."""
        policy = self._policy
        assert policy is not None
        if self._coming != _NOBODY:
            coming = self._lanes[self._coming]
            coming.lane.run(self._phase)
            active.mix(coming, policy.weight(self._age), self._phase)
            self._age += 1
            if self._age >= policy.change:
                self._active, self._coming = self._coming, _NOBODY
        self._heard += 1
        if self._heard % policy.every:
            return
        now = self._shared[self._votes].target(self._phase)[0]
        self._average += np.float32(policy.forgetting) * (now - self._average)
        if self._coming == _NOBODY:
            chosen = policy.choose(self._average.tolist(), self._active, self._heard)
            if chosen != self._active:
                self._lanes[chosen].start(self._phase + 1)
                self._lanes[self._active].share_sums(self._lanes[chosen], self._phase)
                self._coming, self._age = chosen, 0

    def _forget(self) -> None:
        self._phase = self._heard = self._age = 0
        self._coming, self._active = _NOBODY, self._policy.fallback if self._policy else 0
        self._average[:] = 1 / len(self._lanes)
        for buffer in self._shared.values():
            buffer.fill(buffer.spec.start(), 0)
        for lane in self._lanes:
            lane.start(0)

    def _signature(self) -> list[str]:
        graphs = [f"graph {checksum[:12]}" for checksum in self._graphs]
        return graphs + [f"{spec.name} {list(spec.shape)}" for spec in self._specs]

    _COUNTS = ("heard", "age", "active", "coming")

    def _save(self) -> dict[str, Any]:
        counts = {name: getattr(self, f"_{name}") for name in self._COUNTS}
        arrays = {name: buffer.source(self._phase).copy() for name, buffer in self._held().items()}
        return {**counts, "average": self._average.copy(), "arrays": arrays}

    def _restore(self, saved: dict[str, Any]) -> None:
        self._forget()
        for name in self._COUNTS:
            setattr(self, f"_{name}", saved[name])
        self._average[:] = saved["average"]
        for name, buffer in self._held().items():
            buffer.fill(saved["arrays"][name], self._phase)

    def _held(self) -> dict[str, Buffer]:
        """Give the buffers that count: shared ones, and those of the lanes that run."""
        held = {**self._shared, **self._lanes[self._active].buffers}
        if self._coming != _NOBODY:
            held |= {f"coming {n}": b for n, b in self._lanes[self._coming].buffers.items()}
        return held


class _OwnLane:
    """A specialist's lane, with the buffers that are no other's."""

    def __init__(
        self,
        specs: Sequence[Spec],
        shared: Mapping[str, Buffer],
        period: int,
        samples: np.ndarray,
        session: onnxruntime.InferenceSession,
        prepared: Mapping[str, np.ndarray],
    ) -> None:
        self.enhanced = np.zeros_like(samples)
        self.buffers = {s.name: Buffer(s, period) for s in specs if s.role != "shared"}
        self._mixed = [self.buffers[s.name] for s in specs if s.role == "mixed"]
        buffers = [shared.get(s.name) or self.buffers[s.name] for s in specs]
        self.lane = Lane(session, prepared, buffers, samples, self.enhanced)

    def start(self, phase: int) -> None:
        """Begin anew with the step of a phase."""
        for buffer in self.buffers.values():
            buffer.fill(buffer.spec.start(), phase)

    def mix(self, other: _OwnLane, share: float, phase: int) -> None:
        """Take a share of another's result, and let both go on from the sum."""
        self.enhanced += np.float32(share) * (other.enhanced - self.enhanced)
        for own, others in zip(self._mixed, other._mixed):
            sums = own.target(phase)
            sums += np.float32(share) * (others.target(phase) - sums)
        self.share_sums(other, phase)

    def share_sums(self, other: _OwnLane, phase: int) -> None:
        """Let another go on from what masks have added up to."""
        for own, others in zip(self._mixed, other._mixed):
            others.fill(own.target(phase), phase + 1)
