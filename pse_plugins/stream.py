"""Enhance a signal as it comes, in blocks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pse_runtime.hops import HopStream

from .contracts import SpeakerCue, State, initial_state
from .errors import ConfigError


class Stream(HopStream):
    """One running enhancement; see `pse_runtime.hops.HopStream` for `feed`, `flush`, `reset`, `save`, `restore`.

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
        super().__init__(enhancer.frontend.hop, enhancer.latency, chunk_hops)
        self._enhancer = enhancer.eval()
        device = enhancer.frontend.analysis.device
        with torch.inference_mode():
            self._prepared = enhancer.prepare(None if cue is None else cue.to(device))
        self._state: State = {}
        self._forget()

    def _execute(self, chunk: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            samples = torch.from_numpy(chunk).unsqueeze(0).to(self._enhancer.frontend.analysis)
            out, self._state = self._enhancer.step(samples, self._prepared, self._state)
        return out[0].float().cpu().numpy()

    def _forget(self) -> None:
        self._state = initial_state(self._enhancer.state_spec(), 1, self._enhancer.frontend.analysis)

    def _signature(self) -> list[str]:
        return [f"{name} {list(value.shape)}" for name, value in self._state.items()]

    def _save(self) -> dict[str, Any]:
        return {name: value.cpu().numpy().copy() for name, value in self._state.items()}

    def _restore(self, saved: dict[str, Any]) -> None:
        self._state = {name: torch.from_numpy(saved[name]).to(value) for name, value in self._state.items()}
