"""Checks of conditioners; some hold for a backbone with conditioners inside as well."""

from __future__ import annotations

import inspect

import torch
from torch.nn import functional

from ...contracts import VIEWS, Conditioner, Prepared
from ..rigs import LONG, ConditionerRig, cue_of
from ..verdict import Tensors, demand, demand_same, distance


def declarations(rig: ConditionerRig) -> None:
    """It is a `Conditioner`, takes `dim` before `cue_dim`, and declares a known site and view."""
    swapped = list(inspect.signature(rig.factory).parameters)[:2] == ["cue_dim", "dim"]
    demand(
        not swapped,
        "its first two arguments are swapped: write (dim, cue_dim); a backbone gives dim without its name",
    )
    module = rig.build()
    demand(
        isinstance(module, Conditioner),
        f"{type(module).__name__} is not a Conditioner; derive it from that class",
    )
    demand(
        module.site in ("input", "after-attention", "features"),
        f"site {module.site!r} is none of 'input', 'after-attention' and 'features'",
    )
    demand(module.view in VIEWS, f"view {module.view!r} is none of {', '.join(VIEWS)}")


def shape_and_dtype(rig: ConditionerRig) -> None:
    """Features ``[B, T, C]`` come out in the shape and type they went in, for one frame as for many."""
    inputs = rig.inputs()
    for x in (inputs["x"], inputs["x"][:, :1]):
        y = rig.run(rig.build(), {**inputs, "x": x})["y"]
        demand(y.shape == x.shape, f"features {list(x.shape)} come out as {list(y.shape)}")
        demand(y.dtype == x.dtype, f"{x.dtype} comes out as {y.dtype}")


def prepared_by_item(rig: ConditionerRig) -> None:
    """Each prepared tensor has the batch first (or 1, if all share it), so that a host can pick an item."""
    module, inputs = rig.build(), rig.inputs()
    prepared = module.prepare(cue_of(inputs))
    together, batch = module(inputs["x"], prepared), len(inputs["x"])
    for i in range(batch):
        picked = {k: v[i : i + 1] if v.shape[:1] == (batch,) else v for k, v in prepared.tensors.items()}
        for name, value in picked.items():
            demand(
                value.shape[:1] == (1,),
                f"prepared {name!r} is {list(value.shape)}: the batch does not come first",
            )
        alone = module(inputs["x"][i : i + 1], Prepared(picked))
        demand_same({"y": alone}, {"y": together[i : i + 1]}, "when one item is picked from what is prepared")


def losses_are_scalars(rig: ConditionerRig) -> None:
    """Auxiliary losses are finite scalars, in training."""
    prepared = rig.build().train().prepare(cue_of(rig.inputs()))
    for name, loss in prepared.losses.items():
        demand(loss.dim() == 0, f"loss {name!r} has shape {list(loss.shape)}; give a scalar")
        demand(torch.isfinite(loss), f"loss {name!r} is not finite")


def frame_wise(rig: ConditionerRig) -> None:
    """Another frame ``k`` changes frame ``k`` and no other, and a frame alone comes out as among others."""
    module, inputs = rig.build(), rig.inputs()
    before, k = rig.run(module, inputs)["y"], 7
    changed = inputs["x"].clone()
    changed[:, k] += 1.0
    moved = (rig.run(module, {**inputs, "x": changed})["y"] - before).abs().amax((0, 2)) > 1e-5  # [T]
    moved[k] = False
    demand(not moved.any(), f"changing frame {k} changes frames {moved.nonzero().flatten().tolist()}")
    for part in (slice(k, k + 1), slice(k, k + 5)):
        alone = rig.run(module, {**inputs, "x": inputs["x"][:, part]})["y"]
        gap = distance(alone, before[:, part])
        demand(
            gap <= 1e-5,
            f"frames {part.start} to {part.stop - 1} given alone come out {gap:.3g} away from what they are among "
            "others: the result depends on the position, or on the number of frames",
        )


def long_signals(rig: ConditionerRig) -> None:
    """A signal of 4000 frames comes out as its last frames do alone."""
    module, inputs = rig.build(), rig.inputs(batch=1, frames=LONG)
    with torch.no_grad():
        whole = rig.run(module, inputs)["y"]
        last = rig.run(module, {**inputs, "x": inputs["x"][:, -8:]})["y"]
    demand_same({"y": whole[:, -8:]}, {"y": last}, f"at the end of {LONG} frames")


def cue_matters(rig: ConditionerRig) -> str | None:
    """Different speakers get different outputs for the same features."""
    if not getattr(rig.build(), "needs_cue", True):
        return "it needs no cue"
    inputs = rig.inputs(batch=8)
    inputs[rig.signal] = inputs[rig.signal][:1].expand_as(inputs[rig.signal]).contiguous()
    # as built, a zero gate may hide the cue; moved, a hard gate's bias may: it must matter somewhere
    points = ((seed, moved) for seed in range(4) for moved in (True, False))
    outputs = (next(iter(rig.run(rig.build(*point), inputs).values())) for point in points)
    matters = any(distance(output, output[:1].expand_as(output)) > 1e-6 for output in outputs)
    demand(matters, "eight different speakers get one and the same output")
    return None


def padding_ignored(rig: ConditionerRig) -> None:
    """What is masked in a cue has no influence: loud tokens there, more of them, another absent utterance."""
    module, inputs = rig.build(), rig.inputs()
    before = rig.run(module, inputs)
    demand_same(rig.run(module, {**inputs, **_loud(inputs)}), before, "when masked tokens are set to 1000")
    demand_same(
        rig.run(module, {**inputs, **_grown(inputs, tokens=3)}), before, "when masked tokens are appended"
    )
    demand_same(
        rig.run(module, {**inputs, **_grown(inputs, clips=1)}), before, "when an absent utterance is appended"
    )


def _loud(inputs: Tensors) -> Tensors:
    """Fill what is masked with 1000."""
    tokens = inputs["tokens"].masked_fill(~inputs["mask"].unsqueeze(-1), 1e3)
    return {
        "tokens": tokens,
        "vectors": inputs["vectors"].masked_fill(~inputs["mask"].any(-1, keepdim=True), 1e3),
    }


def _grown(inputs: Tensors, clips: int = 0, tokens: int = 0) -> Tensors:
    """Append masked tokens to each utterance, or absent utterances."""
    return {
        "tokens": functional.pad(inputs["tokens"], (0, 0, 0, tokens, 0, clips)),
        "mask": functional.pad(inputs["mask"], (0, tokens, 0, clips)),
        "vectors": functional.pad(inputs["vectors"], (0, 0, 0, clips)),
    }
