"""The table and the figures of all cells below a folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...evaluation.statistics import MIN_GROUPS, Estimate, bootstrap
from .lab import GENERALISTS, INSIDE
from .scoring import ENROLMENT, WAYS, Item, read_items

logger = logging.getLogger(__name__)

_WAYS = ("stream", "oracle", "random", "enrolled")
AS_LONG = {"naive": "generalist-continued", "fine-tuned": "generalist-continued-longer"}
"""System -> the generalist that was trained for as many steps."""
SYSTEMS = (*GENERALISTS, "naive", "fine-tuned", *INSIDE)
VALID = "valid"
"""The set of mixtures of validation voices, that a choice may be made by."""
Key = tuple[str, int, str, str]
"""Size, K, partition, system: what differs between rows of the table."""


@dataclass(frozen=True)
class Scored:
    """One system of one cell.

    Parameters
    ----------
    key : tuple
        Size, K, partition and system.
    seed : int
        Of its training.
    about : dict
        Parameters in all, and those that run at a time.
    items : dict
        Test set -> its items.
    folder : Path
        Where it was found.
    """

    key: Key
    seed: int
    about: dict[str, Any]
    items: dict[str, list[Item]]
    folder: Path


def find_scores(folder: str | Path) -> list[Scored]:
    """Find the scores of all cells below a folder, of all seeds.

    Raises
    ------
    DataError
        If there are none.
    """
    found = []
    for done in sorted(Path(folder).glob("**/scores/*/*/done.json")):
        record = json.loads(done.read_text("utf-8"))["record"]
        about = record["about"]
        key = (about["size"], int(about["k"]), about["partition"], done.parent.name)
        items = {test: read_items(done.parent / f"{test}.json") for test in record["means"]}
        found.append(Scored(key, int(about["seed"]), about, items, done.parent))
    if not found:
        raise DataError(f"{folder} holds no scores; run the stage evaluate first")
    return found


def gains(scored: Iterable[Scored], test: str, way: str = "gate") -> tuple[np.ndarray, list[str]]:
    """Give each item's gain in dB by seed ``[seeds, items]``, and the speakers of the items."""
    rows = [s.items[test] for s in scored]
    return np.array([[WAYS[way](item) for item in items] for items in rows]), [i["speaker"] for i in rows[0]]


def estimate(values: np.ndarray, speakers: Sequence[str]) -> tuple[Estimate, float]:
    """Average over seeds and items, with an interval over speakers; and the deviation over seeds."""
    by_seed = values.mean(1)
    spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else float("nan")
    return bootstrap(values.mean(0).tolist(), speakers), spread


def group(scored: Iterable[Scored]) -> dict[Key, list[Scored]]:
    """Put the seeds of a row together, rows in the order of the table."""
    rows: dict[Key, list[Scored]] = {}
    for one in scored:
        rows.setdefault(one.key, []).append(one)
    return {key: rows[key] for key in sorted(rows, key=_order)}


def _order(key: Key) -> tuple[Any, ...]:
    size, k, partition, system = key
    number = int("".join(c for c in size if c.isdigit()) or 0)
    return number, partition not in ("", "k-means"), partition or "k-means", k, SYSTEMS.index(system)


def table(scored: Sequence[Scored], test: str) -> str:
    """Write the table of a test set in Markdown, the unprocessed mixture first; `LEGEND` explains it to its readers.

    Columns: the network; parameters in millions, and those that run at a time; SI-SDR improvement in dB with the
    interval over speakers and the deviation over seeds; what it is above the generalist of the same size, and above
    the one that was trained for as long, on the same items and seeds; and, for ensembles, the gain of a stream that
    decides on the way, if the best specialist is chosen for each item, if one is chosen at random, or by the gate
    from 3 s of clean speech.
    """
    rows = group(scored)
    lines = [
        "| size | K | partition | system | M (run) | SI-SDRi dB [95 %] | sd | seeds | above generalist [95 %] | "
        "above one trained as long [95 %] | streamed | oracle | random | enrolled |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        _mixture(scored[0].items[test]),
    ]
    for key, row in rows.items():
        size, k, partition, system = key
        values, speakers = gains(row, test)
        mean, spread = estimate(values, speakers)
        about = row[0].about
        compared = ("" if system == "generalist" else "generalist", AS_LONG.get(system, ""))
        above = [_above(row, rows.get((size, 1, "", other), []), test) for other in compared]
        several = len(row[0].items[test][0]["gains"]) > 1
        ways = [_mean(gains(row, test, way)[0]) if several else "" for way in _WAYS]
        lines.append(
            f"| {size} | {k} | {partition} | {system} | {about['parameters'] / 1e6:.3f} "
            f"({about['effective'] / 1e6:.3f}) | {mean.mean:.2f} [{mean.low:.2f}, {mean.high:.2f}] | "
            f"{'' if np.isnan(spread) else f'{spread:.2f}'} | {len(row)} | "
            + " | ".join([*above, *ways])
            + " |"
        )
    return "\n".join(lines)


LEGEND = (
    "size: the network and its hidden units; K: specialists; partition: how training speakers are divided.",
    "system: generalist, one network; -longer, with the steps of the fine-tuning on top; -continued, with those of "
    "a specialist, on all speakers; -continued-longer, with both; naive, gate and specialists trained one by one; "
    "fine-tuned, then together; experts-inside, one network with experts inside.",
    "M (run): million parameters, and those that run at a time.",
    "SI-SDRi: SI-SDR above the mixture's in dB, by the specialist that the gate chooses for the whole mixture; "
    "mean over seeds and mixtures. Brackets: 95 % bootstrap interval. sd: deviation over seeds in dB.",
    "above generalist: in dB, item by item, over the seeds that both have.",
    "above one trained as long: so, too; naive above generalist-continued, fine-tuned above -continued-longer.",
    "SI-SDRi where it is chosen otherwise: streamed, on the way, as a stream must; oracle, the best in hindsight; "
    f"random, by chance; enrolled, by the gate from {ENROLMENT:g} s of clean speech.",
)
"""What the columns of a table are, a line each."""


def heading(items: Sequence[Item], test: str) -> str:
    """Say of what a table is, and by what its intervals were made."""
    speakers = len({item["speaker"] for item in items})
    drawn = "whole speakers" if speakers >= MIN_GROUPS else "mixtures, for few speakers,"
    return (
        f"## {test}: {len(items)} mixtures of {speakers} speakers, SI-SDR of the mixture "
        f"{np.mean([item['mixture'] for item in items]):.2f} dB\n\nIntervals: {drawn} drawn again."
    )


def _mixture(items: Sequence[Item]) -> str:
    """Write the row of the unprocessed mixture, which all systems are compared with."""
    found = bootstrap([item["mixture"] for item in items], [item["speaker"] for item in items])
    gain = f"0.00 (SI-SDR {found.mean:.2f} [{found.low:.2f}, {found.high:.2f}])"
    return f"|  |  |  | mixture, unprocessed |  | {gain} |{8 * '  |'}"


def _mean(values: np.ndarray) -> str:
    """Average over those that are known."""
    known = values[np.isfinite(values)]
    return f"{known.mean():.2f}" if known.size else ""


def _above(row: Sequence[Scored], others: Sequence[Scored], test: str) -> str:
    """Write by how much a row is above another, over the seeds that both have; nothing where there are none."""
    base = {s.seed: s for s in others}
    shared = [s for s in row if s.seed in base]
    if not shared:
        return ""
    ours, speakers = gains(shared, test)
    theirs, _ = gains([base[s.seed] for s in shared], test)
    mean, _ = estimate(ours - theirs, speakers)
    return f"{mean.mean:+.2f} [{mean.low:+.2f}, {mean.high:+.2f}]"


def choices(scored: Iterable[Scored]) -> list[str]:
    """Say which K the validation mixtures choose for fine-tuned ensembles, a line for each size."""
    by_size: dict[str, dict[int, float]] = {}
    for (size, k, partition, system), row in group(s for s in scored if VALID in s.items).items():
        if system == "fine-tuned" and partition == "k-means":
            by_size.setdefault(size, {})[k] = float(gains(row, VALID)[0].mean())
    return [
        f"{size}, by validation: K = {max(found, key=lambda k: found[k])} "
        f"({', '.join(f'K = {k}: {gain:.2f} dB' for k, gain in found.items())})"
        for size, found in by_size.items()
    ]


def write_report(folder: str | Path, out: str | Path) -> Path:
    """Write ``results.md`` and the figures.

    Parameters
    ----------
    folder : str or Path
        Holds the cells of all seeds.
    out : str or Path
        Where to write.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    DataError
        If there are no scores.
    """
    from . import figures

    scored, out = find_scores(folder), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tests = list(scored[0].items)
    parts = [f"{heading(scored[0].items[test], test)}\n\n{table(scored, test)}\n" for test in tests]
    parts.append("".join(f"- {line}\n" for line in LEGEND))
    (out / "results.md").write_text("\n".join([*parts, *choices(scored)]) + "\n", "utf-8")
    figures.sizes(scored, tests[0], out / "sizes.png")
    figures.voices(scored, out / "voices.png")
    figures.gate(scored, tests[0], out / "gate.png")
    figures.curves(Path(folder), out / "curves.png")
    logger.info("wrote %s", out / "results.md")
    return out / "results.md"
