"""Pictures for the report: plots as SVG in the page's own colours, spectrograms as small PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .cells import label, row_label
from .results import Results, bin_label
from .tables import lead

FLOOR = -80.0
"""Spectrograms show levels down to this, in dB below the loudest bin of the item."""

_INK = "#010203"  # stands for the page's own text colour
_GREY = "#808890"  # legible on light and on dark
_COLOURS = ("#2f7fd1", "#d9772b", "#2a9d6f", "#9465c9", "#c9486a", "#a08a1e")
_MARKERS = {"wrong enrolment": "o", "right enrolment": "o", "enhanced": "o", "oracle mask": "D"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pse",
    "font.size": 9,
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick")},
    "axes.edgecolor": "#80808080",
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def points_by_condition(results: Results) -> str:
    """Draw the first metric, one panel a condition: over all items, then over each SNR bin.

    Returns
    -------
    str
        An ``<svg>`` element; its text takes the page's colour.
    """
    metric, scenarios = lead(results), results.scenarios
    rows = [row for row in results.rows() if row[1] != "mixture"]
    across = min(2, len(scenarios))
    down = -(-len(scenarios) // across)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.9 * across, 2.7 * down + 0.5), layout="constrained")
        axes = np.atleast_1d(figure.subplots(down, across)).ravel()
        for axis, scenario in zip(axes, scenarios):
            _panel(axis, results, metric, scenario, rows)
        for axis in axes[len(scenarios) :]:
            axis.set_visible(False)
        for axis in axes[::across]:
            axis.set_ylabel(label(results, metric))
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
        return _svg(figure)


def _panel(axis: Axes, results: Results, metric: str, scenario: str, rows: Sequence[tuple[str, str]]) -> None:
    """Draw the means and intervals of one condition."""
    bins = results.bins(scenario)
    places = [None, *bins] if len(bins) > 1 else [None]
    for k, (model, system) in enumerate(rows):
        means = [results.mean(metric, results.pick(model, system, scenario, place)) for place in places]
        at = np.arange(len(places)) + 0.5 * ((k + 0.5) / len(rows) - 0.5)
        y = np.array([e.mean for e in means])
        ends = np.array([[e.mean - e.low for e in means], [e.high - e.mean for e in means]])
        colour = _COLOURS[results.models.index(model) % len(_COLOURS)] if model else _GREY
        fill = "none" if system == "wrong enrolment" else colour
        axis.errorbar(
            at,
            y,
            np.nan_to_num(ends).clip(min=0),
            fmt=_MARKERS.get(system, "s"),
            color=colour,
            markersize=5,
            elinewidth=1.4,
            label=row_label(results, model, system),
            markerfacecolor=fill,
        )
    axis.axhline(0, color="#80808080", linewidth=0.8)
    axis.set_xticks(range(len(places)), ["all" if place is None else bin_label(place) for place in places])
    axis.set_xlim(-0.6, len(places) - 0.4)
    axis.set_title(scenario, fontsize=10, loc="left", fontweight="bold")
    axis.grid(axis="y", color="#80808030", linewidth=0.6)


def level(signal: np.ndarray, frame: int = 512, hop: int = 128) -> np.ndarray:
    """Give the level of each bin of a signal ``[S]`` in dB, ``[T, F]``."""
    padded = np.pad(signal, (0, max(0, frame - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop] * np.hanning(frame)
    return 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-6)


def spectrogram(signal: np.ndarray, rate: int, top: float) -> bytes:
    """Draw a signal ``[S]``, time in s across, frequency in kHz up.

    Parameters
    ----------
    signal : ndarray
    rate : int
        In Hz.
    top : float
        Level in dB of the brightest colour; one for all signals of an item, so that they can be compared.

    Returns
    -------
    bytes
        A PNG with a palette, see-through around the axes.
    """
    grey = {"axes.labelcolor": _GREY, "xtick.color": _GREY, "ytick.color": _GREY}
    style: dict[Any, Any] = {"font.size": 7.5, "axes.edgecolor": "#80808080", **grey}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(3.3, 1.75), layout="constrained")
        axis = figure.subplots()
        extent = (0.0, len(signal) / rate, 0.0, rate / 2000)
        axis.imshow(
            level(signal).T,
            origin="lower",
            aspect="auto",
            extent=extent,
            vmin=top + FLOOR,
            vmax=top,
            cmap="magma",
        )
        axis.set_xlabel("s", labelpad=0)
        axis.set_ylabel("kHz", labelpad=1)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120, transparent=True)
    return _small(buffer)


def _small(png: io.BytesIO) -> bytes:
    """Reduce a PNG to a palette: a third of the bytes."""
    buffer = io.BytesIO()
    image = Image.open(png).quantize(96, method=Image.Quantize.FASTOCTREE)
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _svg(figure: Figure) -> str:
    """Write a figure as an element that scales with the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"',
        r"\1",
        re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1),
        count=1,
    )
