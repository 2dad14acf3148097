"""What is wrong with a component is said as what it is, and first: not as the harm that it does further on."""

from __future__ import annotations

import pytest
import torch

from pse_plugins import host
from pse_plugins.api import Component
from pse_plugins.contracts import Conditioner, Prepared
from pse_plugins.testing import examine, integrate
from pse_plugins.testing.mutants.conditioner import CachesOnSelf, DetachedCue, DropoutLeftOn, UnusedLayer
from pse_plugins.testing.references import (
    ReferenceBackbone,
    ReferenceConditioner,
    ReferenceEncoder,
    ReferenceFeatureEncoder,
    ReferenceLoss,
    ReferenceMetric,
)
from pse_plugins.testing.returns import watch
from pse_plugins.testing.verdict import Violation

RIGHT = {
    "conditioner": ReferenceConditioner,
    "backbone": ReferenceBackbone,
    "speaker_encoder": ReferenceEncoder,
    "loss": ReferenceLoss,
    "metric": ReferenceMetric,
}


def wrong(kind, method, change):
    """Derive a component from a right one, one method of which returns something else."""
    right = RIGHT[kind]

    def changed(self, *args):
        return change(getattr(right, method)(self, *args))

    return type("Wrong", (right,), {method: changed})


def failures(kind, factory, **options):
    return [result for result in examine(kind, factory, **options) if not result.ok]


@pytest.mark.parametrize(
    ("kind", "method", "change", "said"),
    [
        (
            "conditioner",
            "forward",
            lambda y: None,
            "forward returned None, not a tensor [B, T, C]; is its return missing?",
        ),
        ("conditioner", "forward", lambda y: (y, y), "forward returned tuple of 2, not a tensor [B, T, C]"),
        ("conditioner", "prepare", lambda p: p.tensors, "prepare must return Prepared(...), got dict"),
        ("conditioner", "prepare", lambda p: None, "prepare must return Prepared(...), got None"),
        (
            "conditioner",
            "prepare",
            lambda p: Prepared(p.tensors["scale"]),
            "prepare: Prepared's tensors must be a dict, name -> tensor, got Tensor",
        ),
        (
            "conditioner",
            "prepare",
            lambda p: Prepared(p.tensors, {"size": 3.0}),
            "prepare: Prepared's losses must be a dict, name -> tensor, and 'size' is of type float",
        ),
        ("backbone", "forward", lambda y: None, "forward returned None, not a tensor [B, T, F]"),
        (
            "backbone",
            "state_spec",
            lambda s: None,
            "state_spec must return a list of StateSpec(name, shape), got None",
        ),
        (
            "backbone",
            "state_spec",
            lambda s: ["past"],
            "state_spec must return a list of StateSpec(name, shape), got",
        ),
        ("backbone", "step", lambda s: s[0], "step must return (mask [B, t, F], state), got Tensor"),
        ("backbone", "step", lambda s: (*s, 1), "step must return (mask [B, t, F], state), got tuple of 3"),
        (
            "backbone",
            "step",
            lambda s: s[::-1],
            "step must return (mask [B, t, F], state), got dict first",
        ),
        (
            "speaker_encoder",
            "forward",
            lambda c: c.vectors,
            "forward must return SpeakerCue(tokens, mask, vectors)",
        ),
        (
            "loss",
            "__call__",
            lambda y: None,
            "the loss returned None, not a tensor [B]; is its return missing?",
        ),
        ("loss", "__call__", lambda y: y.mean().item(), "the loss returned float, not a tensor [B]"),
        ("metric", "__call__", lambda y: None, "a NoneType comes out, not a float"),
    ],
)
def test_what_a_method_must_not_return_is_the_first_thing_said(kind, method, change, said):
    assert failures(kind, wrong(kind, method, change))[0].message.startswith(said)


@pytest.mark.parametrize("said", ["forward returned None, not", "prepare must return Prepared"])
def test_checks_fail_alike_of_one_cause(said):
    method = said.split()[0]
    found = failures("conditioner", wrong("conditioner", method, lambda value: None))
    assert len(found) >= 12
    assert {result.message.startswith(said) for result in found} == {True}


def test_a_metric_that_gives_no_number_fails_alike():
    found = failures("metric", wrong("metric", "__call__", lambda value: None))
    messages = {result.check: result.message for result in found}
    assert messages["direction-as-declared"] == messages["gives-a-number"] == messages["repeatable"]


def test_a_wrong_return_is_said_at_work_too(monkeypatch):
    own = host.Host(discover=False)
    own._offers["conditioner"].append(
        Component("mine", wrong("conditioner", "forward", lambda y: None), provider="pse-plugins")
    )
    own._offers["loss"].append(
        Component("mine", lambda: lambda estimate, target, lengths: 0.5, provider="pse-plugins")
    )
    monkeypatch.setattr(host, "get_host", lambda: own)
    assert integrate("loss", "mine")[0].message == "the loss returned float, not a tensor [B]"
    results = integrate("conditioner", "mine")
    assert len(results) == 3
    assert all(result.message.startswith("forward returned None, not a tensor") for result in results)


def test_what_is_inside_a_backbone_is_watched():
    inside = wrong("conditioner", "prepare", lambda p: p.tensors)
    found = failures("backbone", ReferenceBackbone, conditioner=inside)
    assert found[0].message == "prepare must return Prepared(...), got dict"


def test_an_encoder_of_features_must_step_as_agreed():
    class Wrong(ReferenceFeatureEncoder):
        def step(self, features, state):
            return super().step(features, state)[0]

    (found,) = failures("speaker_encoder", Wrong, n_bins=7)
    assert found.message == "step must return (vector [B, E], state), got Tensor"


class Bare(Conditioner):
    """Has neither method."""

    def __init__(self, dim, cue_dim):
        super().__init__()


class Prepares(Bare):
    """Has one."""

    def prepare(self, cue):
        return Prepared()


@pytest.mark.parametrize(
    ("factory", "missing"),
    [
        (Bare, "Bare has no prepare: define prepare(self, cue)"),
        (Prepares, "Prepares has no forward: define forward("),
    ],
)
def test_a_method_that_is_not_written_is_named(factory, missing):
    assert {f.message.startswith(missing) for f in failures("conditioner", factory)} == {True}


def test_randomness_is_said_before_what_comes_of_it():
    first, *others = failures("conditioner", DropoutLeftOn)
    assert first.check == "deterministic" and others
    assert (
        "is dropout, or another random draw, left on? Other comparisons may fail because of it"
        in first.message
    )

    class NoisyLoss(ReferenceLoss):
        def __call__(self, estimate, target, lengths):
            return super().__call__(estimate, target, lengths) + torch.rand(len(lengths))

    assert failures("loss", NoisyLoss)[0].check == "deterministic"

    class NoisyMetric(ReferenceMetric):
        def __call__(self, estimate, target, mixture, rate):
            return super().__call__(estimate, target, mixture, rate) + 100 * float(torch.randn(()))

    assert failures("metric", NoisyMetric)[0].check == "repeatable"


def test_what_is_left_on_a_component_is_named_with_where_it_belongs():
    (found,) = [f for f in failures("conditioner", CachesOnSelf) if f.check == "no-state-on-self"]
    assert (
        found.message
        == "self.last is left behind by a run; prepare gives forward all it needs in Prepared(...)"
    )

    class CountsRuns(ReferenceBackbone):
        def __init__(self, n_bins, make_conditioner):
            super().__init__(n_bins, make_conditioner)
            self.head.register_buffer("runs", torch.zeros(1))

        def squash(self, x):
            self.head.runs += 1
            return super().squash(x)

    (found,) = failures("backbone", CountsRuns)
    assert found.message == "self.head.runs is left behind by a run; pass state in and out instead"


def test_all_parameters_without_a_gradient_are_named():
    (found,) = failures("conditioner", UnusedLayer)
    assert found.message == "gate.weight, gate.bias get no gradient: not used, or cut off by detach()"
    assert "scale.weight" in failures("conditioner", DetachedCue)[0].message


def test_watching_changes_nothing_of_what_is_right():
    plain, x = ReferenceConditioner(3, 4), torch.randn(2, 5, 3)
    before = plain(x, Prepared({"scale": torch.ones(1), "shift": torch.ones(1)}))
    assert watch(plain) is plain
    assert torch.equal(plain(x, Prepared({"scale": torch.ones(1), "shift": torch.ones(1)})), before)
    assert watch(3) == 3
    with pytest.raises(Violation, match="not a tensor"):
        watch(wrong("conditioner", "forward", lambda y: None)(3, 4))(x, Prepared({"scale": x, "shift": x}))


def test_what_is_offered_by_another_kinds_hook_is_said_to_be():
    (first, *_) = failures("backbone", ReferenceConditioner)
    hint = "; it takes what a conditioner does: is it to be offered by pse_conditioners?"
    assert first.message == f"the factory does not take 'n_bins'{hint}"


def test_sizes_in_the_wrong_order_are_said_to_be_swapped():
    def swapped(cue_dim, dim):
        return ReferenceConditioner(dim, cue_dim)

    (only,) = failures("conditioner", swapped)
    assert only.message.startswith("its first two arguments are swapped: write (dim, cue_dim)")
