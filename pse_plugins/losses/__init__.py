"""What training minimises."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.losses"


@hookimpl
def pse_losses() -> Iterable[Component]:
    """Offer the built-in losses."""
    yield Component(
        "si-sdr", f"{_HERE}.si_sdr:SiSdr", "negative scale-invariant signal-to-distortion ratio, dB"
    )
    yield Component("snr", f"{_HERE}.si_sdr:Snr", "negative signal-to-noise ratio: keeps the level, dB")
    yield Component(
        "compressed-spectral",
        f"{_HERE}.compressed_spectral:CompressedSpectral",
        "power-law compressed spectra",
    )
    yield Component("si-sdr-compressed", f"{_HERE}.mixed:SiSdrCompressed", "both of these, weighted")
