"""What turns enrolment audio into a speaker cue."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.speaker_encoders"


@hookimpl
def pse_speaker_encoders() -> Iterable[Component]:
    """Offer the built-in speaker encoders."""
    yield Component("d-vector", f"{_HERE}.d_vector:DVector", "LSTM trained with GE2E; pretrained, frozen")
    yield Component(
        "gru-siamese",
        f"{_HERE}.gru_siamese:GruSiamese",
        "small GRU, its last state; also on the noisy signal",
    )
    yield Component(
        "ecapa", f"{_HERE}.ecapa:Ecapa", "SpeechBrain's ECAPA-TDNN, from a folder or the hub; frozen"
    )
