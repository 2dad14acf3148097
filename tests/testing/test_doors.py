"""The three doors to the kit, and expected failures."""

from __future__ import annotations

import re

import pytest

from pse_plugins.contracts import Conditioner
from pse_plugins.errors import ComponentError, ConfigError
from pse_plugins.testing import Violation, checks, conformance, examine
from pse_plugins.testing.mutants.backbone import DropsState, UnboundedMask
from pse_plugins.testing.mutants.conditioner import CastsToFloat, IgnoresSpeaker
from pse_plugins.testing.references import ReferenceBackbone, ReferenceConditioner

test_pytest_door = conformance("conditioner", ReferenceConditioner)
test_pytest_door_by_name = conformance("conditioner", "film", view="vector-last")
test_pytest_door_with_expected_failure = conformance(
    "conditioner", CastsToFloat, expected_failures={"double-precision": "float32 only"}
)
test_pytest_door_with_conditioner = conformance(
    "backbone",
    ReferenceBackbone,
    conditioner="cross-attention",
    conditioner_options={"heads": 2},
    lookahead=1,
)


def outcomes(results):
    return {result.check: result.outcome for result in results}


def test_pytest_door_fails_with_one_line():
    test = conformance("conditioner", IgnoresSpeaker)
    cue_matters = next(check for check in checks("conditioner") if check.name == "cue-matters")
    with pytest.raises(pytest.fail.Exception, match="cue-matters: eight different speakers"):
        test(cue_matters)


def test_plain_function_door():
    for check in checks("backbone"):
        assert check(ReferenceBackbone) is None
    failed = []
    for check in checks("backbone"):
        try:
            check(UnboundedMask)
        except Violation:
            failed.append(check.name)
    assert failed == ["mask-in-range"]


def test_expected_failure_that_passes_needs_attention():
    reason = {"double-precision": "float32 only"}
    wrong = outcomes(examine("conditioner", CastsToFloat, expected_failures=reason))
    assert wrong["double-precision"] == "expected failure"
    stale = examine("conditioner", ReferenceConditioner, expected_failures=reason)
    assert outcomes(stale)["double-precision"] == "unexpected pass"
    assert [result.ok for result in stale].count(False) == 1


def test_not_applicable_is_told_apart_from_passed():
    class Offline(ReferenceBackbone):
        can_stream = False

    found = outcomes(examine("backbone", Offline))
    assert found["streaming-equals-offline"] == "not applicable"
    assert found["mask-in-range"] == "passed"


def test_exception_of_the_component_is_a_failure_in_one_line():
    class Raises(ReferenceConditioner):
        def forward(self, x, prepared):
            raise ValueError("first line\nsecond line")

    results = {result.check: result for result in examine("conditioner", Raises)}
    message = results["shape-and-dtype"].message
    assert re.fullmatch(
        r"raised ValueError: first line second line \(test_doors.py:\d+ in forward\)", message
    )


def test_conditioner_is_put_inside_the_backbone():
    built = []

    class Spy(ReferenceConditioner):
        def __init__(self, dim, cue_dim):
            super().__init__(dim, cue_dim)
            built.append(dim)

    examine("backbone", DropsState, conditioner=Spy, n_bins=5)
    assert set(built) == {5}


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: checks("conditoner"), ConfigError, "did you mean 'conditioner'"),
        (lambda: examine("conditioner", "flim"), ComponentError, "did you mean 'film'"),
        (lambda: examine("loss", "si-sdr", conditioner="film"), ConfigError, "only a backbone"),
        (
            lambda: examine("conditioner", "film", expected_failures={"causal": ""}),
            ConfigError,
            "no check 'causal'",
        ),
    ],
)
def test_user_errors_are_one_line(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_is_no_conditioner_fails_its_declarations():
    class Plain(ReferenceConditioner.__mro__[2]):  # an nn.Module
        site, view = "input", "vector"

        def __init__(self, dim, cue_dim):
            super().__init__()

    assert not issubclass(Plain, Conditioner)
    results = {result.check: result for result in examine("conditioner", Plain)}
    assert "is not a Conditioner" in results["declarations"].message
