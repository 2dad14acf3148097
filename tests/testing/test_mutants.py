"""The kit catches every mutant, by the check meant for it, and passes what is right."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from pse_plugins.api import KINDS
from pse_plugins.testing import checks, examine
from pse_plugins.testing.mutants import MUTANTS
from pse_plugins.testing.references import (
    ReferenceBackbone,
    ReferenceConditioner,
    ReferenceEncoder,
    ReferenceFeatureEncoder,
    ReferenceLoss,
    ReferenceMetric,
    ReferenceRecogniser,
)

RIGHT = [
    ("conditioner", ReferenceConditioner, {}),
    ("backbone", ReferenceBackbone, {}),
    ("backbone", ReferenceBackbone, {"lookahead": 2}),
    ("backbone", ReferenceBackbone, {"look_back": 0}),
    ("speaker_encoder", ReferenceEncoder, {}),
    ("speaker_encoder", ReferenceFeatureEncoder, {"n_bins": 7}),
    ("loss", ReferenceLoss, {}),
    ("metric", ReferenceMetric, {}),
    ("recogniser", ReferenceRecogniser, {}),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.kind}-{mutant.name}")
def test_mutant_is_caught_by_its_check(mutant):
    results = {result.check: result for result in examine(mutant.kind, mutant.factory, **mutant.options)}
    assert results[mutant.caught_by].outcome == "failed", inspect.getdoc(mutant.factory)
    assert results[mutant.caught_by].message and "\n" not in results[mutant.caught_by].message


@pytest.mark.parametrize(("kind", "factory", "options"), RIGHT)
def test_right_component_passes(kind, factory, options):
    assert [result for result in examine(kind, factory, **options) if not result.ok] == []


def test_mutants_are_many_and_told_apart():
    assert len(MUTANTS) >= 30
    assert Counter((m.kind, m.name) for m in MUTANTS).most_common(1)[0][1] == 1
    assert all(inspect.getdoc(mutant.factory) for mutant in MUTANTS)


@pytest.mark.parametrize("kind", KINDS)
def test_checks_are_named_and_explained(kind):
    names = [check.name for check in checks(kind)]
    assert len(set(names)) == len(names)
    assert all(check.about.endswith(".") for check in checks(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_catches_a_mutant(kind):
    """Of this kind, or, where kinds share a check, of another."""
    caught = {mutant.caught_by for mutant in MUTANTS}
    assert {check.name for check in checks(kind)} <= caught
