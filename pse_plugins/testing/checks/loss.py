"""Checks of training losses."""

from __future__ import annotations

import torch
from torch.nn import functional

from ..rigs import LossRig
from ..verdict import demand, demand_finite, demand_same


def loss_shape(rig: LossRig) -> None:
    """One value an item, ``[B]``."""
    loss = rig.run(rig.build(), rig.inputs())["loss"]
    demand(loss.shape == (4,), f"a batch of 4 gives shape {list(loss.shape)}; give one value an item")
    demand(loss.is_floating_point(), f"the loss is {loss.dtype}")


def padding_costs_nothing(rig: LossRig) -> None:
    """What lies beyond an item's length does not count: noise there, or more room."""
    module, inputs = rig.build(), rig.inputs()
    before = rig.run(module, inputs)
    beyond = torch.arange(inputs["target"].shape[1]) >= inputs["lengths"].unsqueeze(1)
    noisy = {**inputs, "estimate": inputs["estimate"].masked_fill(beyond, 1.0)}
    demand_same(rig.run(module, noisy), before, "when samples beyond the length change")
    longer = {name: functional.pad(inputs[name], (0, 1000)) for name in ("estimate", "target")}
    demand_same(
        rig.run(module, {**inputs, **longer}), before, "when the batch is padded further", tolerance=1e-4
    )


def better_is_lower(rig: LossRig) -> None:
    """An estimate nearer to the target costs less, item by item."""
    module, inputs = rig.build(), rig.inputs()
    noise = inputs["estimate"] - inputs["target"]
    losses = [
        rig.run(module, {**inputs, "estimate": inputs["target"] + g * noise})["loss"] for g in (0.1, 1.0)
    ]
    demand((losses[0] < losses[1]).all(), "ten times less noise does not cost less")


def finite_on_silent_signals(rig: LossRig) -> None:
    """Silent targets, silent estimates, or both, give finite losses and gradients."""
    inputs = rig.inputs()
    silence = torch.zeros_like(inputs["target"])
    for silent in (("target",), ("estimate",), ("target", "estimate")):
        trial = {**inputs, **dict.fromkeys(silent, silence)}
        trial["estimate"] = trial["estimate"].clone().requires_grad_()
        loss = rig.run(rig.build(), trial)["loss"]
        loss.sum().backward()
        when = f"with a silent {' and '.join(silent)}"
        demand_finite({"the loss": loss, "its gradient": trial["estimate"].grad}, when)  # type: ignore[dict-item]


def gradient_reaches_estimate(rig: LossRig) -> None:
    """Each item's estimate gets a gradient that is not zero, within its length and not beyond."""
    inputs = rig.inputs()
    estimate = inputs["estimate"].clone().requires_grad_()
    rig.run(rig.build(), {**inputs, "estimate": estimate})["loss"].sum().backward()
    demand(estimate.grad is not None, "the estimate gets no gradient")
    gradient = estimate.grad.abs()  # type: ignore[union-attr]
    demand((gradient.amax(1) > 0).all(), "an item's estimate gets a gradient of zero")
    beyond = torch.arange(gradient.shape[1]) >= inputs["lengths"].unsqueeze(1)
    demand(not gradient[beyond].any(), "the gradient reaches beyond an item's length")
