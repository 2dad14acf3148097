"""The figures of the report, as PNG."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from .report import Scored, gains, group

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
        beside = 1.03 ** (number - len(lines) / 2)
        by_width.errorbar(width * beside, mean, bars, **look)
        by_cost.errorbar(run * beside, mean, bars, **look)
    widths = sorted({point[0] for points in lines.values() for point in points})
    by_width.set_xscale("log", base=2)
    by_width.set_xticks(widths, [str(width) for width in widths])
    by_width.set_xlim(0.7 * widths[0], 1.4 * widths[-1])
    by_cost.set_xscale("log")
    for axis in (by_cost.xaxis.set_major_formatter, by_cost.xaxis.set_minor_formatter):
        axis("{x:.2g}")
    by_width.set_xlabel("hidden units of a specialist (two layers)")
    by_cost.set_xlabel("million parameters that run at a time")
    by_width.set_ylabel("SI-SDR improvement, dB")
    figure.legend(*by_width.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=110)


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
    figure = Figure((4 * min(len(drawn), 3), 4 * -(-len(drawn) // 3)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(-(-len(drawn) // 3), min(len(drawn), 3))).ravel()
    for axes, one in zip(panels, drawn):
        rows = json.loads((one.folder / "embeddings.json").read_text("utf-8")).values()
        z = np.array([row["z"] for row in rows], np.float32)
        flat = TSNE(perplexity=min(_PERPLEXITY, len(z) - 1), random_state=0, init="pca").fit_transform(z)
        for gender, marker in (("F", "o"), ("M", "^"), ("", "s")):
            chosen = np.array([row["gender"] == gender for row in rows])
            shown = "part" if one.key[3] == "naive" else "gate"
            colours = [f"C{row[shown]}" for row in rows if row["gender"] == gender]
            axes.scatter(*flat[chosen].T, c=colours or None, marker=marker, s=14, label=gender or None)
        size, k, _, system = one.key
        axes.set_title(f"{size}, K = {k}, {system}", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    figure.savefig(path, dpi=110)


def gate(scored: Sequence[Scored], test: str, path: Path) -> None:
    """Draw how often the gate chooses as the clean voice would, over seconds heard and over SNR."""
    figure = Figure((8, 3.5), layout="constrained")
    by_time, by_snr = figure.subplots(1, 2, sharey=True)
    rows = {key: row for key, row in group(scored).items() if key[3] == "naive" and key[2] == "k-means"}
    shown: dict[int, list[Scored]] = {}
    for key, row in rows.items():
        shown.setdefault(key[1], row)  # the gate does not depend on the specialists' size
    for k, row in shown.items():
        items = [i for s in row for i in s.items[test] if "label" in i]
        times = list(items[0]["after"])
        right = [np.mean([i["after"][t] == i["label"] for i in items]) for t in times]
        whole = np.mean([i["gate"] == i["label"] for i in items])
        by_time.plot([*map(float, times), 5.0], [*right, whole], marker="o", markersize=4, label=f"K = {k}")
        bins = [
            [i["gate"] == i["label"] for i in items if low <= i["snr"] < low + 3] for low in range(-5, 10, 3)
        ]
        by_snr.plot(
            [low + 1.5 for low in range(-5, 10, 3)], [np.mean(b) if b else np.nan for b in bins], marker="o"
        )
        by_time.axhline(1 / k, color="grey", linewidth=0.5)
    by_time.set_xlabel("seconds heard")
    by_snr.set_xlabel("SNR, dB (5 s heard)")
    by_time.set_ylabel("gate as for the clean voice")
    by_time.set_ylim(0, 1)
    if shown:
        by_time.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def curves(folder: Path, path: Path) -> None:
    """Draw validation over the epochs of each training below a folder: voices and gate, and the networks."""
    figure = Figure((9, 3.5), layout="constrained")
    listening, masking = figure.subplots(1, 2)
    for log in sorted(folder.glob("*/**/train_log.txt")):
        part = log.relative_to(folder).parts  # seed, kind, ...
        scores = {name: [float(x) for x in found] for name, found in _read_log(log).items()}
        for name, axes in (("auc", listening), ("accuracy", listening), ("si_sdr_improvement", masking)):
            if name in scores:
                axes.plot(scores[name], color=_COLOURS[_kind(part) % len(_COLOURS)], alpha=0.6, linewidth=0.9)
    listening.set_ylabel("verification AUC; gate accuracy")
    masking.set_ylabel("validation SI-SDR improvement, dB")
    for axes in (listening, masking):
        axes.set_xlabel("check")
    for number, name in enumerate(("f", "g", "generalist", "specialists", "fine-tuned")):
        (listening if number < 2 else masking).plot([], [], color=_COLOURS[number], label=name)
    listening.legend(fontsize=8)
    masking.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _kind(part: Sequence[str]) -> int:
    """Tell what was trained, from where its log lies."""
    if part[1] == "experts":
        return 2 if part[3].startswith("generalist") else 3
    return {"verify": 0, "gates": 1, "ensembles": 4}.get(part[1], 5)


def _read_log(path: Path) -> dict[str, list[str]]:
    """Read the validation scores of a ``train_log.txt``: name -> one an epoch."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"valid (\w+): ([-\d.]+)", path.read_text("utf-8")):
        found.setdefault(name, []).append(value)
    return found


def _width(size: str) -> int:
    return int("".join(c for c in size if c.isdigit()) or 0)
