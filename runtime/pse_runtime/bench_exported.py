"""An exported model to be timed: a stream for somebody made up, and what a hop of it touches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .lane import open_session
from .manifest import Manifest, Spec
from .model import Model
from .profile import Profile

CUE_FRAMES = 300
"""Frames of enrolment of somebody made up."""


def ready(folder: str | Path) -> tuple[Callable[[np.ndarray], Any], int]:
    """Load an exported model, and start a stream: what a program does before its first hop.

    Returns
    -------
    tuple of (callable, int)
        What takes a hop of samples, and the samples in it.

    Raises
    ------
    BundleError
        If there is no such folder, or it is not whole.
    """
    model = Model(folder)
    return model.stream(somebody(model)).feed, model.hop


def somebody(model: Model, frames: int = CUE_FRAMES, seed: int = 0) -> Profile | None:
    """Make up a speaker, with as many frames of enrolment as are wanted; None where nobody is enrolled."""
    encoder = model.manifest.enrolment
    if encoder is None:
        return None
    widths = {}
    graphs = [name for name in model.manifest.prepares if name is not None and name.endswith(".onnx")]
    for tensor in open_session(str(model.folder / graphs[0])).get_inputs() if graphs else ():
        widths[tensor.name] = tensor.shape[-1]
    rng = np.random.default_rng(seed)
    tokens = np.tanh(rng.standard_normal((1, 1, frames, widths.get("tokens", 1)))).astype(np.float32)
    vectors = rng.standard_normal((1, 1, widths.get("vectors", 1))).astype(np.float32)
    vectors /= np.linalg.norm(vectors)
    there = np.ones((1, 1, frames), dtype=bool)
    return Profile(tokens, there, vectors, encoder.fingerprint, encoder.sample_rate, (), encoder.encoder)


def state_bytes(manifest: Manifest) -> int:
    """Add up what one stream carries from hop to hop, in bytes; of an ensemble, with one specialist running."""
    return sum(_size(spec) for spec in manifest.state)


def touched_bytes(manifest: Manifest) -> int:
    """Add up what a hop reads and writes of the state: of a ring, one new row is written, twice."""
    return sum(
        _size(spec) + (2 * _size(spec) // spec.rows if spec.rows else _size(spec)) for spec in manifest.state
    )


def prepared_bytes(model: Model) -> int:
    """Add up what was prepared for a speaker, which a hop reads: of one step graph."""
    prepared = model._prepare(somebody(model))[0]
    return sum(array.nbytes for array in prepared.values())


def _size(spec: Spec) -> int:
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
