"""Score against the number and the length of enrolment clips, as PNG."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .cells import label
from .enrolment import PREFIX, amount
from .results import Results
from .tables import lead

_LINES = ("-", "--", "-.", ":")
_PANELS = {"clips": "clips that enrol", "s": "seconds of each clip"}


def draw_enrolments(results: Results, path: Path) -> Path | None:
    """Draw the first metric over the rows ``"2 clips"`` and ``"1.5 s"``; nothing where there are not two of a kind.

    Parameters
    ----------
    results : Results
        Of an evaluation with other enrolments.
    path : Path
        The PNG to write.

    Returns
    -------
    Path or None
        It, if it was written.
    """
    amounts = {
        name: amount(name.removeprefix(PREFIX)) for _, name in results.rows() if name.startswith(PREFIX)
    }
    panels = {unit: sorted({a[0] for a in amounts.values() if a and a[1] == unit}) for unit in _PANELS}
    panels = {unit: places for unit, places in panels.items() if len(places) > 1}
    if not panels:
        return None
    figure = Figure((1.5 + 3.6 * len(panels), 3.4), layout="constrained")
    for axes, (unit, places) in zip(
        np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels.items()
    ):
        for number, model in enumerate(results.models):
            for scenario, line in zip([s for s in results.scenarios if s != "clean"], cycle(_LINES)):
                look: dict[str, Any] = {"color": f"C{number}", "linestyle": line}
                _line(axes, results, model, scenario, unit, places, f"{model}, {scenario}", look)
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xlabel(_PANELS[unit], fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(axis="y", color="#80808030", linewidth=0.6)
    figure.axes[0].set_ylabel(label(results, lead(results)), fontsize=8)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=7, frameon=False
    )
    figure.supxlabel("thin, across: all clips of the list, whole; intervals are in the tables", fontsize=7)
    figure.savefig(path, dpi=110)
    return path


def _line(
    axes: Axes,
    results: Results,
    model: str,
    scenario: str,
    unit: str,
    places: list[float],
    name: str,
    look: dict[str, Any],
) -> None:
    """Draw a model in a condition, and across what it reaches with all there is."""
    metric = lead(results)
    rows = {
        amount(s.removeprefix(PREFIX)): s for m, s in results.rows() if m == model and s.startswith(PREFIX)
    }
    found = [results.mean(metric, results.pick(model, rows[place, unit], scenario)).mean for place in places]
    axes.plot(places, found, marker="o", markersize=3, linewidth=1.2, label=name, **look)
    whole = results.mean(metric, results.pick(model, "right enrolment", scenario)).mean
    axes.axhline(whole, color=look["color"], linewidth=0.7, linestyle=look["linestyle"], alpha=0.5)
