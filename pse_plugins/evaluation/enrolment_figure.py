"""Score against the number and the length of enrolment clips, as PNG."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .cells import label
from .enrolment import PREFIX, amount
from .results import RIGHT, Results
from .tables import lead

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
    scenarios = [scenario for scenario in results.scenarios if scenario != "clean"]
    if not panels or not scenarios:
        return None
    figure = Figure((2.4 + 3.6 * len(panels), 0.7 + 2.3 * len(scenarios)), layout="constrained")
    every = figure.subplots(len(scenarios), len(panels), sharex="col", sharey="row", squeeze=False)
    for scenario, row in zip(scenarios, every, strict=True):
        row[0].set_ylabel(f"{scenario}: {label(results, lead(results))}", fontsize=8)
        for axes, (unit, places) in zip(row, panels.items(), strict=True):
            for number, model in enumerate(results.models):
                _line(axes, results, model, scenario, unit, places, f"C{number}")
            axes.tick_params(labelsize=8)
            axes.grid(axis="y", color="#80808030", linewidth=0.6)
    for axes, (unit, places) in zip(every[-1], panels.items(), strict=True):
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xlabel(_PANELS[unit], fontsize=8)
    figure.legend(
        *every[0, 0].get_legend_handles_labels(), loc="outside right upper", fontsize=7, frameon=False
    )
    figure.supxlabel("thin, across: all clips of the list, whole; intervals are in the tables", fontsize=7)
    figure.savefig(path, dpi=110)
    return path


def _line(
    axes: Axes, results: Results, model: str, scenario: str, unit: str, places: list[float], color: str
) -> None:
    """Draw a model in a condition, and across what it reaches with all there is."""
    metric = lead(results)
    rows = {
        amount(s.removeprefix(PREFIX)): s for m, s in results.rows() if m == model and s.startswith(PREFIX)
    }
    found = [results.mean(metric, results.pick(model, rows[place, unit], scenario)).mean for place in places]
    axes.plot(places, found, marker="o", markersize=3, linewidth=1.2, label=model, color=color)
    whole = results.mean(metric, results.pick(model, RIGHT, scenario)).mean
    axes.axhline(whole, color=color, linewidth=0.7, alpha=0.5)
