"""What a hop of an exported model costs, as its manifest says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..contracts import Prepared, initial_state
from ..cost import count_macs, count_parameters
from ..enhancer import Enhancer
from .parity import somebody

CUE_FRAMES = 300
"""Enrolment frames that costs are counted for, where they grow with it: attention to the enrolment."""


def costs(enhancer: Enhancer, step: Path) -> dict[str, Any]:
    """Count what a hop of an enhancer costs, and what its step graph weighs.

    Parameters
    ----------
    enhancer : Enhancer
        The model; of an ensemble one specialist is counted, and the gate.
    step : Path
        The step graph that was made of it.

    Returns
    -------
    dict
        ``parameters`` of the whole model without its speaker encoder, ``macs`` a hop, ``weight_bytes`` that a
        hop reads.
    """
    found = {"parameters": count_parameters(enhancer.backbone), "macs": macs_per_hop(one_lane(enhancer))}
    return {**found, "weight_bytes": weight_bytes(step)}


def one_lane(enhancer: Enhancer) -> Enhancer:
    """Give what a hop runs: of an ensemble one specialist and the gate, else all."""
    branch = enhancer.backbone.branches()[0]
    return Enhancer(enhancer.frontend, branch, enhancer.speaker_encoder, enhancer.config)


def macs_per_hop(enhancer: Enhancer, cue_frames: int = CUE_FRAMES) -> int:
    """Count the multiply-accumulates of the equations of one hop; of Fourier transforms, none.

    A step of one frame may compute more than it must, as it is faster so. So steps of two and of four frames are
    counted, which grow with the frames and, in attention among them, with their square; one frame lies on that
    curve.

    Parameters
    ----------
    enhancer : Enhancer
        One that streams.
    cue_frames : int
        Frames of enrolment.
    """
    profile = somebody(enhancer, frames=cue_frames)
    with torch.no_grad():
        prepared = enhancer.prepare(None if profile is None else profile.cue)
    two, four = (_macs(enhancer, prepared, hops) for hops in (2, 4))
    square = (four - 2 * two) / 8
    return round((two - 4 * square) / 2 + square)


def weight_bytes(graph: Path) -> int:
    """Add up the bytes of the constants of a graph."""
    import onnx

    model = onnx.load(graph)
    constants = [a.t for node in model.graph.node for a in node.attribute if a.name == "value"]
    return sum(_bytes(onnx, tensor) for tensor in [*model.graph.initializer, *constants])


def _bytes(onnx: Any, tensor: Any) -> int:
    return int(onnx.numpy_helper.to_array(tensor).nbytes)


def _macs(enhancer: Enhancer, prepared: Prepared, hops: int) -> int:
    like = enhancer.frontend.analysis
    state = initial_state(enhancer.state_spec(), 1, like)
    samples = like.new_zeros(1, hops * enhancer.frontend.hop)
    return count_macs(lambda: enhancer.step(samples, prepared, state))
