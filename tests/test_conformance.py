"""Every built-in component does what its contract says; so does every conditioner in every backbone."""

from __future__ import annotations

import pytest

from pse_plugins.host import Host
from pse_plugins.testing import examine

HOST = Host(discover=False)
TINY = {
    "gru": {"hidden": 8},
    "transformer": {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "heads": 2,
        "head_dim": 4,
        "feed_forward": 8,
        "look_back": 2,
    },
    "voicefilter": {"filters": 3, "maps": 2, "hidden": 8, "feed_forward": 24},
    "self-conditioned": {"first": 4, "every": 3},
    "specialist-ensemble": {"experts": 3, "first": 4, "every": 3, "warm_up": 2, "fade": 2, "hysteresis": 0.0},
    "d-vector": {"weights": None, "hidden": 8},
    "gru-siamese": {"hidden": 8},
    "ecapa": {"weights": None, "channels": 16, "embedding": 8},
}
EXPECTED = {
    "ecapa": {
        "device-follows": "it reads each clip at its own length, so it has to know the lengths",
        "no-state-on-self": "SpeechBrain's Fbank notes its number type at the first call",
    }
}


OFFLINE = {"voicefilter"}
ONE_TOKEN = {"every-parameter-learns": "its cue is one token: attention has nothing to choose from"}


def names(kind):
    return [component.name for component in HOST.components(kind)]


def check(kind, name, **options):
    results = examine(kind, HOST.load(HOST.find(kind, name)), **options)
    wrong = [f"{result.check}: {result.message}" for result in results if not result.ok]
    assert not wrong, f"{kind} {name!r}:\n  " + "\n  ".join(wrong)
    return {result.check: result for result in results}


@pytest.mark.parametrize("name", names("conditioner"))
def test_conditioner(name):
    results = check("conditioner", name)
    assert {result.outcome for result in results.values()} == {"passed"}


@pytest.mark.parametrize("conditioner", names("conditioner"))
@pytest.mark.parametrize("name", names("backbone"))
def test_backbone_with_conditioner(name, conditioner):
    expected = ONE_TOKEN if (name, conditioner) == ("self-conditioned", "cross-attention") else None
    results = check(
        "backbone", name, conditioner=conditioner, expected_failures=expected, **TINY.get(name, {})
    )
    streams = "not applicable" if name in OFFLINE else "passed"
    assert results["streaming-equals-offline"].outcome == streams
    assert results["causal"].outcome == streams


@pytest.mark.parametrize("site", ["input", "after-attention"])
@pytest.mark.parametrize("name", ["gru", "transformer", "voicefilter"])
def test_backbone_with_overridden_site(name, site):
    check("backbone", name, conditioner="film", condition_site=site, **TINY[name])


@pytest.mark.parametrize("conditioner", names("conditioner"))
def test_bidirectional_transformer_with_conditioner(conditioner):
    options = {**TINY["transformer"], "bidirectional": True}
    results = check("backbone", "transformer", conditioner=conditioner, **options)
    assert results["streaming-equals-offline"].outcome == "not applicable"


def test_conditioner_with_learned_query():
    results = check("conditioner", "cross-attention", query="learned", dropout=0.1)
    assert {result.outcome for result in results.values()} == {"passed"}


@pytest.mark.parametrize("name", names("speaker_encoder"))
def test_speaker_encoder(name):
    check("speaker_encoder", name, expected_failures=EXPECTED.get(name), **TINY.get(name, {}))


def test_speaker_encoder_on_features():
    results = check("speaker_encoder", "gru-siamese", input="features", n_bins=7, hidden=8)
    assert results["streaming-equals-whole"].outcome == "passed"


@pytest.mark.parametrize("name", names("loss"))
def test_loss(name):
    check("loss", name)


@pytest.mark.parametrize("name", names("metric"))
def test_metric(name):
    check("metric", name)


@pytest.mark.slow
@pytest.mark.parametrize("conditioner", names("conditioner"))
@pytest.mark.parametrize("name", names("backbone"))
def test_backbone_at_true_size(name, conditioner):
    """The sizes people train, over three receptive fields of the true look-back."""
    expected = ONE_TOKEN if (name, conditioner) == ("self-conditioned", "cross-attention") else None
    check("backbone", name, conditioner=conditioner, expected_failures=expected, n_bins=257)


@pytest.mark.slow
@pytest.mark.parametrize("name", names("conditioner"))
def test_conditioner_at_true_size(name):
    check("conditioner", name, dim=256, cue_dim=256)
