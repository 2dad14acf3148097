"""The figures of the report, as PNG."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from sklearn.manifold import TSNE

from ..record import read_log
from .report import Scored, gains, group
from .scoring import Item

_COLOURS = ("#2f7fd1", "#d9772b", "#2a9d6f", "#9465c9", "#c9486a", "#a08a1e")
_PERPLEXITY = 40


def sizes(scored: Sequence[Scored], test: str, path: Path) -> None:
    """Draw SI-SDR improvement over the size of a specialist, and over the parameters that run (the paper's Figure 3).

    One line for each K; bars are from the lowest to the highest seed.
    """
    figure = Figure((10, 4), layout="constrained")
    by_width, by_cost = figure.subplots(1, 2, sharey=True)
    lines: dict[tuple[int, str], list[tuple[int, float, float, float, float]]] = {}
    for (size, k, partition, system), row in group(scored).items():
        if partition in ("", "k-means") and system in ("generalist", "naive", "fine-tuned"):
            seeds = gains(row, test)[0].mean(1)
            middle, cost = float(seeds.mean()), row[0].about["effective"] / 1e6
            below, above = float(middle - seeds.min()), float(seeds.max() - middle)
            lines.setdefault((k, system), []).append((_width(size), cost, middle, below, above))
    many = sorted({k for k, _ in lines if k > 1})
    for number, ((k, system), points) in enumerate(sorted(lines.items())):
        width, run, mean, *bars = np.array(sorted(points)).T
        look: dict[str, Any] = {
            "color": "black" if k == 1 else _COLOURS[many.index(k) % len(_COLOURS)],
            "linestyle": ":" if system == "naive" else "-",
            "marker": "o" if system != "naive" else "s",
            "label": "generalist" if k == 1 else f"K = {k}, {system}",
            **{"markersize": 4, "capsize": 2},
        }
        beside = 1.0 if k == 1 else 1.03 ** (number - len(lines) / 2)
        by_width.errorbar(width * beside, mean, bars, **look)
        by_cost.errorbar(run * beside, mean, bars, **look)
    widths = sorted({point[0] for points in lines.values() for point in points})
    by_width.set_xscale("log", base=2)
    by_width.set_xticks(widths, [str(width) for width in widths])
    by_width.set_xlim(0.7 * widths[0], 1.4 * widths[-1])
    by_cost.set_xscale("log")
    by_cost.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    by_cost.xaxis.set_major_formatter("{x:.2g}")
    by_cost.xaxis.set_minor_formatter(NullFormatter())
    by_width.set_xlabel("hidden units of a specialist")
    by_cost.set_xlabel("million parameters that run at a time")
    by_width.set_ylabel("SI-SDR improvement, dB")
    figure.legend(*by_width.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    figure.supxlabel(f"what is of one size stands side by side; {_bars(scored)}", fontsize=8)
    figure.savefig(path, dpi=110)


def _bars(scored: Sequence[Scored]) -> str:
    """Say what error bars are, and why some points have none."""
    counts = {len(row) for row in group(scored).values()}
    if counts == {1}:
        return "one seed: no bars"
    return "bars: from the lowest to the highest seed" + ("; without: one seed" if 1 in counts else "")


def voices(scored: Sequence[Scored], path: Path) -> None:
    """Draw the training voices by t-SNE (the paper's Figure 2), naive and fine-tuned, of the first seed's cells.

    Colours are the parts of k-means before fine-tuning and the specialists that the gate chooses after it; shapes
    are the genders.
    """
    drawn = [s for s in scored if (s.folder / "embeddings.json").is_file() and s.key[2] == "k-means"]
    seed = min((s.seed for s in drawn), default=0)
    drawn = [row[0] for row in group(s for s in drawn if s.seed == seed).values()][:6]
    if not drawn:
        return
    figure = Figure((4 * min(len(drawn), 3) + 1.5, 4 * -(-len(drawn) // 3)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(-(-len(drawn) // 3), min(len(drawn), 3))).ravel()
    shapes: set[str] = set()
    for axes, one in zip(panels, drawn):
        shapes |= _scatter(axes, one)
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    shown = [
        Line2D([], [], color="grey", linestyle="", marker=_SHAPES[g], label=_GENDERS[g])
        for g in sorted(shapes)
    ]
    for k in range(max(one.key[1] for one in drawn)):
        shown.append(Line2D([], [], color=f"C{k}", linestyle="", marker="s", label=f"specialist {k}"))
    figure.legend(handles=shown, loc="outside right upper", fontsize=8)
    figure.supxlabel(
        "a point a training voice, by t-SNE (no unit); colour: its part of k-means (naive), or whom the gate chooses "
        f"(fine-tuned); seed {seed}",
        fontsize=8,
    )
    figure.savefig(path, dpi=110)


_SHAPES = {"F": "o", "M": "^", "": "D"}
_GENDERS = {"F": "female", "M": "male", "": "gender not known"}


def _scatter(axes: Axes, one: Scored) -> set[str]:
    """Draw the voices of a cell; gives the genders that there are."""
    rows = json.loads((one.folder / "embeddings.json").read_text("utf-8")).values()
    z = np.array([row["z"] for row in rows], np.float32)
    flat = TSNE(perplexity=min(_PERPLEXITY, len(z) - 1), random_state=0, init="pca").fit_transform(z)
    size, k, _, system = one.key
    number = "part" if system == "naive" else "gate"
    colours = np.array([f"C{row[number]}" for row in rows])
    genders = np.array([row["gender"] if row["gender"] in _SHAPES else "" for row in rows])
    for gender in set(genders):
        chosen = genders == gender
        axes.scatter(flat[chosen, 0], flat[chosen, 1], c=list(colours[chosen]), marker=_SHAPES[gender], s=14)
    axes.set_title(f"{size}, K = {k}, {system}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    return set(genders)


def gate(scored: Sequence[Scored], test: str, path: Path) -> None:
    """Draw how often the gate chooses as the clean voice would, over seconds heard and over SNR.

    One line for each K, with the chance of guessing right as a dotted line; bars are from the lowest to the highest
    seed.
    """
    rows = {key: row for key, row in group(scored).items() if key[3] == "naive" and key[2] == "k-means"}
    shown: dict[int, list[list[Item]]] = {}
    for key, row in rows.items():  # the gate does not depend on the specialists' size
        shown.setdefault(key[1], [[i for i in s.items[test] if "label" in i] for s in row])
    if not shown:
        return
    figure = Figure((10, 4), layout="constrained")
    by_time, by_snr = figure.subplots(1, 2, sharey=True)
    for number, (k, seeds) in enumerate(shown.items()):
        look = {"color": _COLOURS[number % len(_COLOURS)], "markersize": 4, "capsize": 2}
        times = list(seeds[0][0]["after"])
        right = [[[i["after"][t] == i["label"] for i in items] for t in times] for items in seeds]
        whole = [[i["gate"] == i["label"] for i in items] for items in seeds]
        rates = [[*map(_share, one), _share(all_heard)] for one, all_heard in zip(right, whole)]
        _bar_line(by_time, [f"{t} s" for t in times] + ["all"], rates, label=f"K = {k}", **look)
        by_time.axhline(1 / k, color=look["color"], linewidth=0.7, linestyle=":")
        lows = range(*_snr_range(item["snr"] for items in seeds for item in items), _BIN)
        rates = [
            [_share(i["gate"] == i["label"] for i in items if low <= i["snr"] < low + _BIN) for low in lows]
            for items in seeds
        ]
        _bar_line(by_snr, [low + _BIN / 2 for low in lows], rates, label=f"K = {k}", **look)
        by_snr.axhline(1 / k, color=look["color"], linewidth=0.7, linestyle=":")
    by_time.set_xlabel("how much of the mixture is heard")
    by_snr.set_xlabel(f"SNR of the mixture in dB, bins of {_BIN} dB; all of it heard")
    by_time.set_ylabel("share of mixtures in which the gate\nchooses as for the clean voice")
    by_time.set_ylim(0, 1.02)
    figure.legend(*by_time.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    figure.supxlabel(f"dotted: chance; {_bars([s for row in rows.values() for s in row])}", fontsize=8)
    figure.savefig(path, dpi=110)


_BIN = 3  # dB


def _snr_range(snrs: Iterable[float]) -> tuple[int, int]:
    found = list(snrs)
    return math.floor(min(found)), math.floor(max(found)) + 1


def _share(right: Iterable[bool]) -> float:
    """Average what is true; NaN of nothing."""
    found = list(right)
    return float(np.mean(found)) if found else math.nan


def _bar_line(axes: Axes, places: Sequence[Any], rates: Sequence[Sequence[float]], **look: Any) -> None:
    """Draw the mean of rates ``[seeds, places]``, with bars from the lowest to the highest of several seeds."""
    values = np.array(rates)
    mean = values.mean(0)
    bars = np.abs(np.stack([values.min(0), values.max(0)]) - mean) if len(values) > 1 else None
    axes.errorbar(places, mean, bars, marker="o", **look)


def curves(folder: Path, path: Path) -> None:
    """Draw validation over the checks of each training below a folder: voices and gate, and the networks.

    Nothing is written where there is no ``train_log.txt``.
    """
    logs = sorted(folder.glob("*/**/train_log.txt"))
    if not logs:
        return
    figure = Figure((10, 4), layout="constrained")
    listening, masking = figure.subplots(1, 2)
    panels = {"auc": listening, "accuracy": listening, "si_sdr_improvement": masking}
    found: set[int] = set()
    for log in logs:
        part = log.relative_to(folder).parts  # seed, kind, ...
        scores = read_log(log)
        for name, axes in panels.items():
            if name in scores:
                found.add(_kind(part))
                few = "o" if len(scores[name]) <= _FEW else ""
                look: dict[str, Any] = {"color": _COLOURS[_kind(part)], "alpha": 0.6, "linewidth": 0.9}
                checks = range(1, len(scores[name]) + 1)
                axes.plot(checks, scores[name], marker=few, markersize=3, **look)
    listening.set_ylabel("verification AUC of f, accuracy of g")
    masking.set_ylabel("SI-SDR improvement, dB")
    for axes in (listening, masking):
        axes.set_xlabel("check on validation voices, every check_every steps")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for number in sorted(found):
        axes = listening if number < 2 else masking
        axes.plot([], [], color=_COLOURS[number], label=_TRAINED[number])
    for axes in (listening, masking):
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=8)
    figure.supxlabel(f"a line a training: {len(logs)} of all seeds and cells", fontsize=8)
    figure.savefig(path, dpi=110)


_FEW = 15
"""Up to so many checks are marked one by one."""
_TRAINED = ("f", "g", "generalist", "specialists", "fine-tuned", "experts inside")


def _kind(part: Sequence[str]) -> int:
    """Tell what was trained, from where its log lies."""
    if part[1] == "experts":
        return 2 if part[3].startswith("generalist") else 3
    return {"verify": 0, "gates": 1, "ensembles": 4}.get(part[1], 5)


def _width(size: str) -> int:
    return int("".join(c for c in size if c.isdigit()) or 0)
