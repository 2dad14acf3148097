"""One step graph and the buffers it reads and writes: bound once, so that a hop allocates nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from .manifest import ENHANCED, SAMPLES, Spec


def open_session(graph: str | bytes) -> onnxruntime.InferenceSession:
    """Load a graph for one thread, which does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Buffer:
    """A state's memory for all phases of a stream.

    What is replaced has two places, read and written in turn. A ring has its rows twice over: the new row of
    phase ``p`` goes to ``p`` and to ``p + period``, so that the rows before it always lie in order.

    Parameters
    ----------
    spec : Spec
        The state.
    period : int
        Phases: even, and no fewer than the rows of any ring.
    """

    def __init__(self, spec: Spec, period: int) -> None:
        self.spec, self.period = spec, period
        ring = (1, 2 * period, *spec.shape[2:])
        self.memory = np.empty(ring if spec.rows else (2, *spec.shape), dtype=spec.dtype)
        self.fill(spec.start(), 0)

    def source(self, phase: int) -> np.ndarray:
        """Give what a step of this phase reads."""
        if self.spec.rows:
            return self.memory[:, phase + self.period - self.spec.rows : phase + self.period]
        return self.memory[phase % 2]

    def target(self, phase: int) -> np.ndarray:
        """Give where a step of this phase writes."""
        if self.spec.rows:
            return self.memory[:, phase + self.period : phase + self.period + 1]
        return self.memory[(phase + 1) % 2]

    def mirrors(self, phase: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """List what is to be copied after a step of this phase, as ``(to, from)``."""
        return [(self.memory[:, phase : phase + 1], self.target(phase))] if self.spec.rows else []

    def fill(self, value: np.ndarray, phase: int) -> None:
        """Set what the step of a phase will read."""
        if self.spec.rows:
            self.memory[...] = self.spec.init
            for row in range(self.spec.rows):  # each where the phase that wrote it would have put it, twice
                place = (phase - self.spec.rows + row) % self.period
                self.memory[:, place] = self.memory[:, place + self.period] = value[:, row]
        else:
            self.memory[...] = value


class Lane:
    """A step graph bound to its buffers, for each phase.

    Parameters
    ----------
    session : InferenceSession
        The step graph.
    prepared : mapping
        Name -> what was prepared for the speaker.
    buffers : sequence of Buffer
        Of all states; some of them are other lanes' too.
    samples, enhanced : ndarray
        ``[1, hop]``: where a hop is put, and where the result is found.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        prepared: Mapping[str, np.ndarray],
        buffers: Sequence[Buffer],
        samples: np.ndarray,
        enhanced: np.ndarray,
    ) -> None:
        self._session = session
        self._keep = [prepared, buffers, samples, enhanced]  # bound by address: must outlive the bindings
        inputs = {tensor.name for tensor in session.get_inputs()}
        outputs = {tensor.name for tensor in session.get_outputs()}
        self._bindings, self._copies = [], []
        for phase in range(buffers[0].period):
            binding = session.io_binding()
            fixed = {SAMPLES: samples, **{f"prepared/{k}": v for k, v in prepared.items()}}
            for name, array in fixed.items():
                _bind(binding.bind_input, name, array, inputs)
            _bind(binding.bind_output, ENHANCED, enhanced, outputs)
            for buffer in buffers:
                _bind(binding.bind_input, f"state/{buffer.spec.name}", buffer.source(phase), inputs)
                _bind(binding.bind_output, f"next/{buffer.spec.name}", buffer.target(phase), outputs)
            self._bindings.append(binding)
            self._copies.append([pair for buffer in buffers for pair in buffer.mirrors(phase)])

    def run(self, phase: int) -> None:
        """Run a hop."""
        self._session.run_with_iobinding(self._bindings[phase])
        for to, source in self._copies[phase]:
            to[...] = source


def _bind(bind: Any, name: str, array: np.ndarray, known: set[str]) -> None:
    """Bind an array's memory, where the graph has such a tensor."""
    if name in known:
        if not array.flags.c_contiguous:
            raise ValueError(f"{name}: memory is not contiguous")
        bind(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)
