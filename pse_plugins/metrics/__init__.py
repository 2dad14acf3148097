"""What an estimate is scored by."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.metrics"


@hookimpl
def pse_metrics() -> Iterable[Component]:
    """Offer the built-in metrics."""
    yield Component("si-sdr", f"{_HERE}.si_sdr:SiSdr", "scale-invariant signal-to-distortion ratio, dB")
    yield Component(
        "si-sdr-improvement", f"{_HERE}.si_sdr:SiSdrImprovement", "the same, less the mixture's, dB"
    )
    yield Component("sdr", f"{_HERE}.sdr:Sdr", "BSS Eval signal-to-distortion ratio, dB")
    yield Component("pesq", f"{_HERE}.pesq:Pesq", "ITU-T P.862: narrow band at 8 kHz, wide band at 16 kHz")
    yield Component("stoi", f"{_HERE}.stoi:Stoi", "short-time objective intelligibility")
    yield Component("estoi", f"{_HERE}.stoi:Estoi", "extended short-time objective intelligibility")
