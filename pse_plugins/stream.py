"""Enhance a signal as it comes, in blocks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .audio import check
from .contracts import SpeakerCue, initial_state
from .errors import ConfigError


class Stream:
    """One running enhancement.

    Whatever the size of the blocks, the network runs ``chunk_hops`` hops at a time, so the result does not
    depend on the blocks. What comes out is aligned with what went in: the first sample out belongs to the first
    sample in, and comes `latency` samples later.

    Parameters
    ----------
    enhancer : Enhancer
        Shared freely: a stream keeps its state to itself.
    cue : SpeakerCue or None
        The speaker, prepared once here.
    chunk_hops : int
        Hops executed at a time.

    Attributes
    ----------
    latency : int
        Algorithmic latency in samples; blocks add their own.

    Raises
    ------
    ConfigError
        If the backbone cannot stream or ``chunk_hops`` is not positive.
    """

    def __init__(self, enhancer: Any, cue: SpeakerCue | None, chunk_hops: int = 1) -> None:
        if not enhancer.backbone.can_stream:
            name = enhancer.config.get("backbone", type(enhancer.backbone).__name__)
            raise ConfigError(f"backbone {name!r} cannot stream; use `pse enhance`, or a model that streams")
        if chunk_hops < 1:
            raise ConfigError(f"chunk_hops must be at least 1, got {chunk_hops}")
        self._enhancer = enhancer.eval()
        device = enhancer.frontend.analysis.device
        with torch.inference_mode():
            self._prepared = enhancer.prepare(None if cue is None else cue.to(device))
        self.latency = enhancer.latency + (chunk_hops - 1) * enhancer.frontend.hop
        self._chunk = chunk_hops * enhancer.frontend.hop
        self.reset()

    def reset(self) -> None:
        """Forget the signal, keep the speaker."""
        frontend = self._enhancer.frontend
        self._state = initial_state(self._enhancer.state_spec(), 1, frontend.analysis)
        self._pending = np.zeros(0, dtype=np.float32)
        self._to_drop = self._enhancer.latency - frontend.hop  # what comes before the first sample
        self._owed = 0  # samples that went in and have not come out

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take the next samples ``[n]``, give those that are ready.

        Raises
        ------
        AudioError
            If the block is not one channel of finite samples.
        """
        if len(block) == 0:
            return np.zeros(0, dtype=np.float32)
        block = check(block, "stream block")
        self._owed += len(block)
        return self._run(block)

    def flush(self) -> np.ndarray:
        """Give what is still inside and start anew: as many samples have come out as went in."""
        out = []
        while self._owed > 0:
            out.append(self._run(np.zeros(self._chunk - len(self._pending), dtype=np.float32)))
        self.reset()
        return np.concatenate(out) if out else np.zeros(0, dtype=np.float32)

    def _run(self, samples: np.ndarray) -> np.ndarray:
        """Execute all whole chunks of what is pending."""
        self._pending = np.concatenate([self._pending, samples])
        whole = len(self._pending) // self._chunk * self._chunk
        ready, self._pending = self._pending[:whole], self._pending[whole:]
        parts = [self._execute(ready[i : i + self._chunk]) for i in range(0, whole, self._chunk)]
        out = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
        dropped = min(self._to_drop, len(out))
        self._to_drop -= dropped
        out = out[dropped:][: self._owed]
        self._owed -= len(out)
        return out

    def _execute(self, chunk: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            samples = torch.from_numpy(chunk).unsqueeze(0).to(self._enhancer.frontend.analysis)
            out, self._state = self._enhancer.step(samples, self._prepared, self._state)
        return out[0].float().cpu().numpy()
