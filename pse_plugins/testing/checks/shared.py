"""Checks that mean the same for every kind of component."""

from __future__ import annotations

import inspect
import io
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from ...api import KINDS
from ...errors import PseError
from ..rigs import RIGS, Rig
from ..verdict import Tensors, Violation, demand, demand_finite, demand_same, distance

RANDOM = "in evaluation mode: is dropout, or another random draw, left on? Other comparisons may fail because of it"


def options_checked(rig: Rig) -> None:
    """The factory names all its options, gives each a default, and refuses one it does not know."""
    parameters = inspect.signature(rig.factory).parameters
    for name, parameter in parameters.items():
        loose = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        demand(not loose, f"the factory swallows any option as *{name}; name each one")
    for name in rig.required:
        demand(name in parameters, f"the factory does not take {name!r}{_of_another_kind(parameters)}")
    for name, parameter in parameters.items():
        missing = parameter.default is parameter.empty and name not in rig.required + tuple(rig.options)
        demand(not missing, f"option {name!r} has no default; only {', '.join(rig.required)} may lack one")
    try:
        rig.factory(**rig.options, no_such_option=1)
    except (TypeError, PseError):
        return
    raise Violation("an option that does not exist is accepted")


def _of_another_kind(parameters: Collection[str]) -> str:
    """Say which kind takes such parameters: a component may be offered by another's hook."""
    needs = {kind: getattr(rig, "required", ()) for kind, rig in RIGS.items()}
    kinds = [kind for kind, names in needs.items() if names and set(names) <= set(parameters)]
    return "".join(f"; it takes what a {kind} does: is it to be offered by {KINDS[kind]}?" for kind in kinds)


def inputs_untouched(rig: Rig) -> None:
    """The inputs are left as they were."""
    inputs = rig.inputs()
    before = {name: value.clone() for name, value in inputs.items()}
    rig.run(rig.build(), inputs)
    demand_same(inputs, before, "in place: an input is written to", tolerance=0.0)


def deterministic(rig: Rig) -> None:
    """In evaluation mode the same input gives the same output, bit by bit."""
    module, inputs = rig.build(), rig.inputs()
    first = rig.run(module, inputs)
    demand_same(rig.run(module, inputs), first, f"from one run to the next {RANDOM}", tolerance=0.0)


def batch_independent(rig: Rig) -> None:
    """Each item of a batch gets what it would get alone."""
    module, inputs = rig.build(), rig.inputs()
    together = rig.run(module, inputs)
    for i in range(len(next(iter(inputs.values())))):
        alone = rig.run(module, {name: value[i : i + 1] for name, value in inputs.items()})
        demand_same(
            alone,
            {name: value[i : i + 1] for name, value in together.items()},
            "without the rest of the batch",
        )


def finite_on_silence(rig: Rig) -> None:
    """Silent input, an all-zero cue or a cue without any valid token gives finite outputs and gradients."""
    plain = rig.inputs()
    silent = {name: torch.zeros_like(v) if v.is_floating_point() else v for name, v in plain.items()}
    cases = {"on silence": silent}
    if "tokens" in plain:
        cases["with an all-zero cue"] = {**silent, rig.signal: plain[rig.signal]}  # type: ignore[attr-defined]
        cases["with an empty cue"] = {
            **cases["with an all-zero cue"],
            "mask": torch.zeros_like(plain["mask"]),
        }
    for training in (False, True):
        for when, inputs in cases.items():
            _demand_finite(rig, rig.build().train(training), inputs, when)


def every_parameter_learns(rig: Rig) -> str | None:
    """Each trainable parameter gets a gradient that is not zero (an unused one also breaks distributed runs)."""
    module = rig.build().train()
    trainable = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trainable:
        return "it has no trainable parameters"
    for seed in range(3):
        _backward(rig, module, rig.inputs(seed=seed))
    without = [name for name, parameter in trainable.items() if parameter.grad is None]
    said = f"{', '.join(without)} get{'s' if len(without) == 1 else ''} no gradient"
    demand(not without, f"{said}: not used, or cut off by detach()")
    for name, parameter in trainable.items():
        demand(parameter.grad.abs().max() > 0, f"{name} gets a gradient that is zero everywhere")  # type: ignore[union-attr]
    return None


def state_dict_round_trip(rig: Rig) -> None:
    """Weights saved and read back with ``weights_only`` make another instance the same."""
    inputs, one, other = rig.inputs(), rig.build(seed=0), rig.build(seed=1)
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    demand_same(rig.run(other, inputs), rig.run(one, inputs), "after saving and loading", tolerance=1e-6)


def device_follows(rig: Rig) -> None:
    """Everything is made on the device of the inputs; seen on the ``meta`` device, which needs no accelerator."""
    inputs = {name: value.to("meta") for name, value in rig.inputs().items()}
    outputs = rig.run(rig.build().to("meta"), inputs)
    for name, value in outputs.items():
        demand(value.device.type == "meta", f"{name} comes out on {value.device}, not on the inputs' device")


def double_precision(rig: Rig) -> None:
    """In float64 the outputs are float64 and agree with float32."""
    inputs = rig.inputs()
    doubles = {name: v.double() if v.is_floating_point() else v for name, v in inputs.items()}
    outputs, singles = rig.run(rig.build().double(), doubles), rig.run(rig.build(), inputs)
    for name, value in outputs.items():
        expected = torch.float64 if singles[name].is_floating_point() else singles[name].dtype
        demand(value.dtype == expected, f"{name} is {value.dtype} when everything else is float64")
    demand_same(outputs, singles, "between float32 and float64", tolerance=1e-3)


def no_state_on_self(rig: Rig) -> None:
    """A run leaves nothing behind on the module: no attribute, no buffer."""
    module = rig.build()
    before = _attributes(module)
    rig.run(module, rig.inputs())
    after = _attributes(module)
    for name in sorted(set(before) | set(after)):
        same = name in before and name in after and _equal(before[name], after[name])
        demand(same, f"self.{name} is left behind by a run; {rig.keeps}")


def _demand_finite(rig: Rig, module: nn.Module, inputs: Tensors, when: str) -> None:
    for value in inputs.values():
        if value.is_floating_point():
            value.requires_grad_().grad = None
    demand_finite(_backward(rig, module, inputs), when)
    named = dict(module.named_parameters()) | inputs
    gradients = {
        f"the gradient of {name}": value.grad for name, value in named.items() if value.grad is not None
    }
    demand_finite(gradients, when)


def _backward(rig: Rig, module: nn.Module, inputs: Tensors) -> Tensors:
    """Run, and send a random gradient back from every output."""
    outputs = rig.run(module, inputs)
    generator = torch.Generator().manual_seed(0)
    objective = sum(
        (value * torch.randn(value.shape, generator=generator)).sum()
        for value in outputs.values()
        if value.requires_grad
    )
    if isinstance(objective, Tensor):
        objective.backward()
    return outputs


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Copy what is kept on a module and all inside it."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    kept: dict[str, Any] = {name: _copy(value) for name, value in tensors.items()}
    for prefix, inner in module.named_modules():
        for name, value in vars(inner).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                kept[f"{prefix}.{name}".lstrip(".")] = _copy(value)
    return kept


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, (list, tuple)) else value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and distance(a, b) == 0.0
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return a is b or (type(a) is type(b) and a == b)
