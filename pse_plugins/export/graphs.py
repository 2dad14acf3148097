"""The graphs of an export: each traced with an example and written to a file."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pse_runtime import manifest
from pse_runtime.manifest import Enrolment
from safetensors.numpy import save_file
from torch import Tensor

from ..contracts import Prepared, SpeakerCue, initial_state
from ..enhancer import Enhancer
from ..errors import ConfigError
from .fourier import as_products
from .modules import EncodeModule, PrepareModule, StepModule
from .quantise import quantise
from .recurrence import take_apart
from .tracing import trace

_CUE_FRAMES = 7  # of the example that graphs are traced with; any number goes


def write_prepare(enhancer: Enhancer, path: Path) -> str | None:
    """Trace what is prepared once for a speaker; without one, keep it as it is.

    Parameters
    ----------
    enhancer : Enhancer
    path : Path
        Of the graph; what needs no speaker gets the suffix ``.safetensors``.

    Returns
    -------
    str or None
        The file's name; None where nothing is prepared.

    Raises
    ------
    ConfigError
        If a part cannot be traced.
    """
    cue = _example_cue(enhancer)
    with torch.no_grad():
        tensors = enhancer.prepare(cue).tensors
    if not tensors:
        return None
    if cue is None:
        path = path.with_suffix(".safetensors")
        save_file({name: value.detach().contiguous().numpy() for name, value in tensors.items()}, path)
        return path.name
    inputs = {"tokens": cue.tokens, "mask": cue.mask, "vectors": cue.vectors}
    lengths = {
        "tokens": {1: "clips", 2: "frames"},
        "mask": {1: "clips", 2: "frames"},
        "vectors": {1: "clips"},
    }
    outputs = [f"prepared/{name}" for name in tensors]
    _save(trace(PrepareModule(enhancer), inputs, outputs, _name(enhancer, "prepare"), lengths), path)
    return path.name


def write_step(enhancer: Enhancer, path: Path, int8: bool) -> str:
    """Trace a hop.

    Parameters
    ----------
    enhancer : Enhancer
        Its backbone decides nothing that depends on the signal; see `Backbone.branches`.
    path : Path
        Of the graph.
    int8 : bool
        Whether to quantise it.

    Returns
    -------
    str
        The file's name.

    Raises
    ------
    ConfigError
        If a part cannot be traced.
    """
    prepared, lengths = _examples(enhancer)
    single = as_products(take_apart(copy.deepcopy(enhancer)))
    module = StepModule(single, list(prepared.tensors))  # type: ignore[arg-type]
    like = enhancer.frontend.analysis
    state = initial_state(module.states, 1, like)
    inputs = {
        manifest.SAMPLES: like.new_zeros(1, enhancer.frontend.hop),
        **{f"prepared/{name}": value for name, value in prepared.tensors.items()},
        **{f"state/{name}": value for name, value in state.items()},
    }
    outputs = [manifest.ENHANCED, *(f"next/{name}" for name in state)]
    graph = trace(module, inputs, outputs, _name(enhancer, "step"), lengths)
    _save(quantise(graph) if int8 else graph, path)
    return path.name


def _examples(enhancer: Enhancer) -> tuple[Prepared, dict[str, dict[int, str]]]:
    """Prepare an example, and find which lengths follow the enrolment's: those that change with it."""
    cue = _example_cue(enhancer)
    with torch.no_grad():
        prepared = enhancer.prepare(cue)
        other = enhancer.prepare(_example_cue(enhancer, 2 * _CUE_FRAMES))
    lengths: dict[str, dict[int, str]] = {}
    for name, value in prepared.tensors.items():
        changed = [i for i, n in enumerate(value.shape) if n != other.tensors[name].shape[i]]
        if changed:
            lengths[f"prepared/{name}"] = dict.fromkeys(changed, "rows")
    return prepared, lengths


def _example_cue(enhancer: Enhancer, frames: int = _CUE_FRAMES) -> SpeakerCue | None:
    encoder = enhancer.speaker_encoder
    if not enhancer.needs_cue or encoder is None:
        return None
    there = torch.ones(1, 3, frames, dtype=torch.bool)
    return SpeakerCue(
        torch.randn(1, 3, frames, encoder.cue_dim), there, torch.randn(1, 3, encoder.vector_dim)
    )


def write_encoder(enhancer: Enhancer, folder: Path, seconds: float) -> Enrolment:
    """Trace the speaker encoder; where that cannot be, say why, and profiles are made elsewhere.

    Parameters
    ----------
    enhancer : Enhancer
        One that has a speaker encoder.
    folder : Path
        Gets ``encode.onnx``.
    seconds : float
        Length that clips are filled up to; 0 leaves the encoder out.

    Returns
    -------
    Enrolment
    """
    encoder = enhancer.speaker_encoder
    assert encoder is not None
    name = str(enhancer.config.get("speaker_encoder") or type(encoder).__name__)
    samples = round(seconds * encoder.sample_rate)
    about = Enrolment(name, enhancer.cue_fingerprint(), encoder.sample_rate, samples)
    if samples == 0:
        return replace(about, reason="its speaker encoder was left out (--no-encoder)")
    clip = 0.1 * torch.randn(1, 1, samples)
    inputs: dict[str, Tensor] = {"clip": clip, "lengths": torch.tensor([[samples // 2]])}
    try:
        graph = trace(
            EncodeModule(enhancer), inputs, ["tokens", "mask", "vectors"], f"speaker encoder {name!r}"
        )
    except ConfigError as error:
        return replace(about, reason=str(error))
    _save(graph, folder / "encode.onnx")
    return replace(about, graph="encode.onnx")


def _save(graph: Any, path: Path) -> None:
    path.write_bytes(graph.SerializeToString())


def _name(enhancer: Enhancer, what: str) -> str:
    """Name what is exported, for messages."""
    config = enhancer.config
    return f"the {what} of {config.get('conditioner') or 'no conditioner'} in {config.get('backbone')}"
