"""An enrolment's own spectra as the cue, as a plugin of two components; this file only lists them."""

from __future__ import annotations

from collections.abc import Iterable

from pse_plugins import Component, hookimpl


@hookimpl
def pse_speaker_encoders() -> Iterable[Component]:
    """Offer the encoder."""
    yield Component("spectrum", "pse_tf_map.spectrum:Spectrum", "the enrolment's features as they are")


@hookimpl
def pse_conditioners() -> Iterable[Component]:
    """Offer the conditioner."""
    yield Component(
        "tf-map", "pse_tf_map.tf_map:TfMap", "enrolment spectra that resemble each frame, joined to it"
    )
