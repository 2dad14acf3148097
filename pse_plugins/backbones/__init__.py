"""The networks that estimate a mask, with conditioners inside."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.backbones"


@hookimpl
def pse_backbones() -> Iterable[Component]:
    """Offer the built-in backbones."""
    yield Component("gru", f"{_HERE}.gru:Gru", "recurrent layers with a mask head; the cheapest to stream")
    yield Component(
        "self-conditioned",
        f"{_HERE}.self_conditioned:SelfConditioned",
        "conditioners steered by the noisy signal itself; no enrolment",
    )
    yield Component(
        "specialist-ensemble",
        f"{_HERE}.specialist_ensemble:SpecialistEnsemble",
        "K specialists, one chosen by the noisy signal itself; no enrolment",
    )
    yield Component(
        "transformer",
        f"{_HERE}.transformer:Transformer",
        "streaming self-attention encoder, conditioned decoder",
    )
    yield Component(
        "voicefilter",
        f"{_HERE}.voicefilter:VoiceFilter",
        "convolutions and a bidirectional LSTM over the whole signal; offline only",
    )
