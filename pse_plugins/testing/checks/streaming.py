"""Checks of backbones frame by frame: causality, latency and explicit state."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ...contracts import Backbone, Prepared, State, initial_state
from ..rigs import LONG, BackboneRig, prepare
from ..verdict import Tensors, demand, demand_finite, demand_same

_CHUNKS = (1, 2, 3, 7)
_OFFLINE = 1200
"""Frames of a long signal that is seen whole: attention takes time and memory by their square."""


def _if_it_streams(check: Callable[[BackboneRig], object]) -> Callable[[BackboneRig], str | None]:
    """Let a check apply only to backbones that can stream."""

    @functools.wraps(check)
    def guarded(rig: BackboneRig) -> str | None:
        if not rig.build().can_stream:
            return "it declares that it cannot stream"
        check(rig)
        return None

    return guarded


@_if_it_streams
def causal(rig: BackboneRig) -> None:
    """The mask of a frame does not depend on what comes after the declared lookahead."""
    module, inputs = rig.build(), rig.inputs()
    before = rig.run(module, inputs)["mask"]
    for k in (6, 13):
        changed = inputs["features"].clone()
        changed[:, k:] = 1 - changed[:, k:]
        after, safe = (
            rig.run(module, {**inputs, "features": changed})["mask"],
            max(0, k - module.lookahead_frames),
        )
        demand_same(
            {"mask": after[:, :safe]},
            {"mask": before[:, :safe]},
            f"before frame {safe} when frame {k} changes",
        )


@_if_it_streams
def latency_as_declared(rig: BackboneRig) -> None:
    """A changed frame is first seen exactly the declared lookahead earlier, offline, and at once in streaming."""
    module, inputs = rig.build(), rig.inputs()
    whole = functools.partial(_whole, rig, module, inputs)
    streamed = functools.partial(_stream, module, prepare(module, inputs).detach(), chunk=1)
    for k in (8, 13):
        changed = inputs["features"].clone()
        changed[:, k] = 1 - changed[:, k]
        seen = _first_change(whole(changed), whole(inputs["features"]))
        demand(
            seen == k - module.lookahead_frames,
            f"frame {k} is first seen in mask {seen}; lookahead_frames = {module.lookahead_frames} "
            f"declares mask {k - module.lookahead_frames}",
        )
        seen = _first_change(streamed(changed), streamed(inputs["features"]))
        demand(seen == k, f"in streaming, frame {k} first acts on output {seen}; it must act on output {k}")


@_if_it_streams
def state_as_declared(rig: BackboneRig) -> None:
    """`step` returns the tensors that `state_spec` lists, in their shapes and types, however many frames."""
    module, inputs = rig.build(), rig.inputs()
    specs, features = module.state_spec(), inputs["features"]
    names = [spec.name for spec in specs]
    demand(len(set(names)) == len(names), f"state_spec lists a name twice: {', '.join(names)}")
    start = initial_state(specs, len(features), features)
    for t in (1, 3, features.shape[1]):
        _, state = module.step(features[:, :t], prepare(module, inputs), start)
        demand(
            sorted(state) == sorted(names), f"state_spec lists {sorted(names)}, step returns {sorted(state)}"
        )
        for name, value in start.items():
            got = state[name]
            same = got.shape == value.shape and got.dtype == value.dtype
            demand(
                same,
                f"state {name!r} is {got.dtype} {list(got.shape)}, declared {value.dtype} {list(value.shape)}",
            )


@_if_it_streams
def rings_are_rings(rig: BackboneRig) -> None:
    """A step of ``t`` frames drops the ``t`` oldest rows of a ring and keeps the others, in place and value."""
    module, inputs = rig.build(), rig.inputs()
    prepared, features = prepare(module, inputs), inputs["features"]
    _, old = module.step(features[:, :11], prepared, _start(module, features))
    rings = [spec.name for spec in module.state_spec() if spec.update == "ring"]
    for t in (1, 2):
        _, new = module.step(features[:, 11 : 11 + t], prepared, old)
        kept = {name: new[name][:, :-t] for name in rings}
        demand_same(
            kept, {name: old[name][:, t:] for name in rings}, f"in a step of {t}, though it is a ring"
        )


@_if_it_streams
def step_leaves_state_untouched(rig: BackboneRig) -> None:
    """A step writes neither to the state it is given nor to the features."""
    module, inputs = rig.build(), rig.inputs()
    features, prepared = inputs["features"].clone(), prepare(module, inputs)
    _, state = module.step(features[:, :5], prepared, _start(module, features))
    given = {name: value.clone() for name, value in state.items()}
    module.step(features[:, 5:8], prepared, given)
    demand_same(given, state, "in place, in the state that step was given", tolerance=0.0)
    demand(torch.equal(features, inputs["features"]), "step writes to the features it is given")


@_if_it_streams
def fresh_state_forgets(rig: BackboneRig) -> None:
    """A new stream does not hear the one before it."""
    module, inputs = rig.build(), rig.inputs()
    prepared = prepare(module, inputs).detach()
    fresh = _stream(rig.build(), prepared, inputs["features"], chunk=3)
    _stream(module, prepared, 5 - inputs["features"], chunk=3)
    again = _stream(module, prepared, inputs["features"], chunk=3)
    demand_same({"mask": again}, {"mask": fresh}, "after another stream: something is kept", tolerance=1e-6)


@_if_it_streams
def streaming_equals_offline(rig: BackboneRig) -> None:
    """In steps of 1, 2, 3, 7 frames or all at once, the masks are those of the whole signal, within 1e-4."""
    module = rig.build()
    frames = 3 * _receptive_field(rig, module) + module.lookahead_frames
    inputs = rig.inputs(batch=2, seed=1, frames=max(24, frames))
    prepared, ahead = prepare(module, inputs).detach(), module.lookahead_frames
    with torch.no_grad():
        offline = rig.run(module, inputs)["mask"]
        for chunk in (*_CHUNKS, offline.shape[1]):
            streamed = _stream(module, prepared, inputs["features"], chunk)
            got, want = streamed[:, ahead:], offline[:, : offline.shape[1] - ahead]
            demand_same(
                {"mask": got}, {"mask": want}, f"between offline and steps of {chunk}", tolerance=1e-4
            )


def long_signals(rig: BackboneRig) -> None:
    """1200 frames at once get finite masks; 4000 in steps too, and the same ones within 1e-4."""
    module, inputs = rig.build(), rig.inputs(batch=1, frames=LONG)
    with torch.no_grad():
        offline = _whole(rig, module, inputs, inputs["features"][:, :_OFFLINE])
    demand_finite({"the mask": offline}, f"of {_OFFLINE} frames")
    if not module.can_stream:
        return
    ahead = module.lookahead_frames
    streamed = _stream(module, prepare(module, inputs).detach(), inputs["features"], chunk=100)
    demand_finite({"the mask": streamed}, f"of {LONG} frames in steps")
    got, want = streamed[:, ahead:_OFFLINE], offline[:, : _OFFLINE - ahead]
    demand_same({"mask": got}, {"mask": want}, f"between {_OFFLINE} frames and steps of 100", tolerance=1e-4)


@_if_it_streams
def step_follows_dtype_and_device(rig: BackboneRig) -> None:
    """A step works in float64 and on the device of its inputs (``meta``)."""
    for to in (torch.float64, torch.device("meta")):
        inputs = {
            name: v.to(to) if v.is_floating_point() or to != torch.float64 else v
            for name, v in rig.inputs().items()
        }
        module, features = rig.build().to(to), inputs["features"]
        mask, state = module.step(features, prepare(module, inputs), _start(module, features))
        declared = {spec.name: spec.dtype for spec in module.state_spec() if spec.dtype is not None}
        for name, value in {"mask": mask, **state}.items():
            typed = value.dtype == declared.get(name, features.dtype) or to != torch.float64
            same = value.device == features.device and typed
            demand(same, f"{name} of a step is {value.dtype} on {value.device} where the inputs are {to}")


def _start(module: Backbone, features: Tensor) -> State:
    return initial_state(module.state_spec(), len(features), features)


def _whole(rig: BackboneRig, module: Backbone, inputs: Tensors, features: Tensor) -> Tensor:
    return rig.run(module, {**inputs, "features": features})["mask"]


@torch.no_grad()
def _stream(module: Backbone, prepared: Prepared, features: Tensor, chunk: int) -> Tensor:
    """Run in steps of ``chunk`` frames from a fresh state, ``[B, T, F]``."""
    state, masks = _start(module, features), []
    for frames in features.split(chunk, dim=1):
        mask, state = module.step(frames, prepared, state)
        masks.append(mask)
    return torch.cat(masks, dim=1)


def _first_change(after: Tensor, before: Tensor) -> int:
    """Give the first frame that differs, or -1."""
    moved = ((after - before).abs().amax((0, 2)) > 1e-6).nonzero()
    return int(moved[0]) if len(moved) else -1


def _receptive_field(rig: BackboneRig, module: Backbone) -> int:
    """Measure how many frames one frame is felt for, at most what all rings together hold; 1 without rings."""
    most = 1 + sum(spec.shape[0] for spec in module.state_spec() if spec.update == "ring")
    inputs = rig.inputs(batch=1, frames=most)
    changed = inputs["features"].clone()
    changed[:, 0] += 1.0
    with torch.no_grad():
        moved = _whole(rig, module, inputs, changed) != rig.run(module, inputs)["mask"]  # [1, T, F]
    return 1 + int(moved.any(2)[0].nonzero().max()) if moved.any() else 1
