"""Checks of backbones on whole signals."""

from __future__ import annotations

from ...contracts import Backbone
from ...errors import PseError
from ..returns import watch
from ..rigs import BackboneRig
from ..verdict import demand


def declarations(rig: BackboneRig) -> None:
    """It is a `Backbone` and declares its output, lookahead, need of a cue and ability to stream."""
    module = rig.build()
    demand(
        isinstance(module, Backbone), f"{type(module).__name__} is not a Backbone; derive it from that class"
    )
    for name, kind in (("output", str), ("lookahead_frames", int), ("needs_cue", bool), ("can_stream", bool)):
        value = getattr(module, name)
        demand(isinstance(value, kind), f"{name} is {value!r}, not of type {kind.__name__}")
    demand(
        module.lookahead_frames >= 0, f"lookahead_frames is {module.lookahead_frames}; it cannot be negative"
    )


def shape_and_dtype(rig: BackboneRig) -> str | None:
    """Features ``[B, T, F]`` give a mask of that shape and type, for one frame as for many."""
    module = rig.build()
    if module.output != "mask":
        return f"its output is declared as {module.output!r}, not as a mask"
    for frames in (1, 5, 24):
        inputs = rig.inputs(frames=frames)
        mask, features = rig.run(module, inputs)["mask"], inputs["features"]
        demand(
            mask.shape == features.shape, f"features {list(features.shape)} give a mask {list(mask.shape)}"
        )
        demand(mask.dtype == features.dtype, f"{features.dtype} gives a mask of {mask.dtype}")
    return None


def works_without_cue(rig: BackboneRig) -> str | None:
    """Built without conditioners it declares that it needs no cue and works without; or it refuses in a line."""
    try:
        module = watch(rig.factory(**{**rig.options, "make_conditioner": None}).eval())
    except PseError as error:
        return f"it needs conditioners: {error}"
    demand(not module.needs_cue, "built without conditioners it still declares that it needs a cue")
    features = rig.inputs()["features"]
    demand(
        module(features, module.prepare(None)).shape == features.shape,
        "without a cue the mask has another shape",
    )
    return None


def mask_in_range(rig: BackboneRig) -> str | None:
    """The mask lies in [0, 1] at any level of the features, 100 times too loud as well."""
    module, inputs = rig.build(), rig.inputs()
    if module.output != "mask":
        return f"its output is declared as {module.output!r}, not as a mask"
    for gain in (0.01, 1.0, 100.0):
        mask = rig.run(module, {**inputs, "features": gain * inputs["features"]})["mask"].detach()
        low, high = float(mask.min()), float(mask.max())
        demand(low >= 0.0 and high <= 1.0, f"the mask spans {low:.3g} to {high:.3g} at {gain:g} x the level")
    return None
