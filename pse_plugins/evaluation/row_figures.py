"""Figures of a table's rows, as PNG: what they gain, and how their trainings went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .comparison import Trained, estimate
from .results import GAIN

_TAB20 = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
_COLOURS = [*_TAB20[::2], *_TAB20[1::2]]
_DPI = 110
_LEFT_OUT = ("loss", GAIN.replace("-", "_"), "minutes", "clean")


def draw_gains(rows: Sequence[Trained], scenarios: Sequence[str], path: Path) -> None:
    """Draw each row's SI-SDR improvement, a panel a condition: mean and interval, seeds, and the wrong enrolment.

    Parameters
    ----------
    rows : sequence of Trained
        From top to bottom.
    scenarios : sequence of str
        From left to right.
    path : Path
        The PNG to write.
    """
    figure = Figure((2.2 + 2.6 * len(scenarios), 1.3 + 0.28 * len(rows)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(scenarios), sharey=True))
    for axes, scenario in zip(panels, scenarios):
        for place, row in enumerate(rows):
            _draw_row(axes, row, scenario, place)
        axes.axvline(0, color="#80808080", linewidth=0.8)
        axes.grid(axis="x", color="#80808030", linewidth=0.6)
        axes.set_title(scenario, fontsize=9, loc="left")
        axes.set_xlabel("SI-SDR improvement, dB", fontsize=8)
        axes.tick_params(labelsize=8)
    panels[0].set_yticks(range(len(rows)), [row.name for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    key = "filled: mean over seeds with its 95 % interval; stroke: a seed; hollow: somebody else enrolled"
    figure.supxlabel(key, fontsize=7)
    figure.savefig(path, dpi=_DPI)


def _draw_row(axes: Any, row: Trained, scenario: str, place: int) -> None:
    gains, speakers = row.values(GAIN, scenario)
    mean = estimate(gains, speakers)
    if np.isfinite(mean.mean):
        bars = np.nan_to_num([[mean.mean - mean.low], [mean.high - mean.mean]]).clip(min=0)
        axes.errorbar(mean.mean, place, xerr=bars, fmt="o", color="#2f7fd1", markersize=5, elinewidth=1.4)
        if len(gains) > 1:
            axes.plot(np.nanmean(gains, 1), [place] * len(gains), "|", color="#1b4d80", markersize=9)
    wrong = estimate(*row.values(GAIN, scenario, wrong=True))
    if np.isfinite(wrong.mean):
        axes.plot(wrong.mean, place, "o", color="#808890", markerfacecolor="none", markersize=5)


def draw_courses(rows: Sequence[Trained], path: Path) -> None:
    """Draw validation over the epochs of every training, a panel a condition; nothing where none is known.

    Parameters
    ----------
    rows : sequence of Trained
        With their ``course``.
    path : Path
        The PNG to write.
    """
    known = dict.fromkeys(name for row in rows for course in row.course.values() for name in course)
    names = [name for name in known if name not in _LEFT_OUT]
    if not names:
        return
    figure = Figure((2.4 + 3.4 * len(names), 3.4), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names):
        for number, row in enumerate(rows):
            for index, course in enumerate(row.course.values()):
                scores = course.get(name, [])
                label = row.name if not index else None
                look: dict[str, Any] = {
                    "color": _COLOURS[number % len(_COLOURS)],
                    "linewidth": 1.1,
                    "markersize": 3,
                }
                axes.plot(range(1, len(scores) + 1), scores, marker="o", label=label, **look)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_xlabel("epoch", fontsize=8)
        axes.set_ylabel("SI-SDR improvement on validation speakers, dB", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=7, frameon=False)
    figure.supxlabel("a line a training: seeds of a row have its colour", fontsize=7)
    figure.savefig(path, dpi=_DPI)
