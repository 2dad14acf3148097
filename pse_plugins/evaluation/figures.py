"""Pictures for the report, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .results import SNR_BINS, Results

_COLOURS = {
    "mixture": "#8a8f98",
    "wrong enrolment": "#c2513f",
    "right enrolment": "#2f6fb0",
    "enhanced": "#2f6fb0",
}
_FLOOR = -80.0  # dB below the loudest bin of the three


def spectrograms(signals: Mapping[str, np.ndarray], rate: int) -> bytes:
    """Draw signals ``[S]`` side by side on one scale of level, time in s across, frequency in kHz up."""
    figure, axes = plt.subplots(
        1, len(signals), figsize=(3.4 * len(signals), 2.5), sharey=True, layout="constrained"
    )
    levels = {name: _level(x) for name, x in signals.items()}
    top = max(level.max() for level in levels.values())
    for axis, (name, level) in zip(np.atleast_1d(axes), levels.items()):
        extent = (0, len(signals[name]) / rate, 0, rate / 2000)
        axis.imshow(
            level.T, origin="lower", aspect="auto", extent=extent, vmin=top + _FLOOR, vmax=top, cmap="magma"
        )
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("s")
    np.atleast_1d(axes)[0].set_ylabel("kHz")
    return _png(figure)


def improvement_by_snr(results: Results, model: str) -> bytes:
    """Draw SI-SDR improvement with 95 % intervals over the SNR bins, one panel a condition."""
    scenarios = [s for s in results.scenarios if s != "clean"] or results.scenarios
    size = (3.6 * len(scenarios), 2.8)
    figure, axes = plt.subplots(1, len(scenarios), figsize=size, sharey=True, layout="constrained")
    for axis, scenario in zip(np.atleast_1d(axes), scenarios):
        for k, system in enumerate(s for s in results.systems(model) if s in _COLOURS and s != "mixture"):
            means = [
                results.mean("si-sdr-improvement", results.pick(model, system, scenario, b)) for b in SNR_BINS
            ]
            at = np.arange(len(SNR_BINS)) + 0.08 * k
            errors = np.array([[e.mean - e.low for e in means], [e.high - e.mean for e in means]])
            y = [e.mean for e in means]
            axis.errorbar(
                at, y, np.nan_to_num(errors), fmt="o-", color=_COLOURS[system], label=system, capsize=3
            )
        axis.axhline(0, color="#8a8f98", linewidth=0.8)
        axis.set_xticks(range(len(SNR_BINS)), [f"{a:g} to {b:g}" for a, b in SNR_BINS])
        axis.set_xlabel("SNR of the mixture (dB)")
        axis.set_title(scenario, fontsize=10)
    np.atleast_1d(axes)[0].set_ylabel("SI-SDRi (dB)")
    np.atleast_1d(axes)[0].legend(fontsize=8)
    return _png(figure)


def _level(signal: np.ndarray, frame: int = 512, hop: int = 128) -> np.ndarray:
    """Level of each bin in dB, ``[T, F]``."""
    padded = np.pad(signal, (0, max(0, frame - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop] * np.hanning(frame)
    return 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-6)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()
