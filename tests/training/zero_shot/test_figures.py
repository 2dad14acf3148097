"""Figures name what they show: each curve, each axis, what bars are and why there are none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from pse_plugins.training.zero_shot import figures
from pse_plugins.training.zero_shot.report import LEGEND, Scored, heading, table


def scored(folder, seeds, ks=(2, 5), sizes=(64, 128)):
    """Make up the scores of some cells: 24 mixtures of 6 speakers, and 30 voices."""
    rng = np.random.default_rng(0)
    found = []
    for seed in seeds:
        for size in sizes:
            for k in (1, *ks):
                systems = ("generalist",) if k == 1 else ("naive", "fine-tuned")
                for system in systems:
                    cell = folder / f"{seed}" / f"gru-{size}-k{k}" / system
                    cell.mkdir(parents=True)
                    about = {"parameters": 1000 * size * k, "effective": 1000 * size}
                    items = {"test": [item(rng, k, n) for n in range(24)]}
                    found.append(
                        Scored(
                            (f"gru-{size}", k, "k-means" if k > 1 else "", system), seed, about, items, cell
                        )
                    )
                    if k > 1:
                        (cell / "embeddings.json").write_text(json.dumps(dict(voices(rng, k))))
    return found


def item(rng, k, n):
    chosen = {"gate": int(rng.integers(k)), "enrolled": 0, "label": int(rng.integers(k)), "stream": 3.0}
    after = {"after": {s: int(rng.integers(k)) for s in ("1", "2")}}
    gains = [float(x) for x in rng.normal(4, 1, k)]
    base = {"id": str(n), "speaker": f"s{n % 6}", "snr": -5 + 15 * n / 24, "mixture": 2.5 + 0.1 * (n % 6)}
    return {**base, "gains": gains, **(chosen | after if k > 1 else {})}


def voices(rng, k):
    for n in range(30):
        part = int(rng.integers(k))
        z = [float(x) for x in rng.normal(0, 1, 4)]
        yield f"v{n}", {"z": z, "gate": part, "part": part, "gender": "FM"[n % 2]}


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are saved, by the file's name."""
    kept, save = {}, Figure.savefig

    def keep(figure, path, **options):
        kept[path.name] = figure
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def texts(figure):
    """List all that is written in a figure's legends."""
    return [t.get_text() for legend in figure.legends for t in legend.get_texts()]


@pytest.mark.parametrize(
    ("seeds", "said"), [((1, 2), "bars: from the lowest to the highest seed"), ((1,), "one seed: no bars")]
)
def test_bars_are_over_seeds_and_it_is_said_where_there_are_none(tmp_path, drawn, seeds, said):
    found = scored(tmp_path, seeds)
    figures.sizes(found, "test", tmp_path / "sizes.png")
    figures.gate(found, "test", tmp_path / "gate.png")
    assert drawn["sizes.png"].get_supxlabel().endswith(f"; {said}")
    assert drawn["gate.png"].get_supxlabel() == f"dotted: chance; {said}"
    bars = [c.has_yerr for axes in drawn["gate.png"].axes for c in axes.containers]
    assert bars == 4 * [len(seeds) > 1]


def test_each_curve_of_the_gate_is_named_and_every_axis_has_a_label(tmp_path, drawn):
    found = scored(tmp_path, (1,))
    figures.gate(found, "test", tmp_path / "gate.png")
    assert texts(drawn["gate.png"]) == ["K = 2", "K = 5"]
    left, right = drawn["gate.png"].axes
    assert left.get_xlabel() and left.get_ylabel() and "dB" in right.get_xlabel()
    items = found[1].items["test"]
    whole = left.containers[0].lines[0].get_ydata()[-1]
    assert whole == np.mean([i["gate"] == i["label"] for i in items])


def test_shapes_and_colours_of_voices_are_named(tmp_path, drawn):
    figures.voices(scored(tmp_path, (1, 2)), tmp_path / "voices.png")
    assert texts(drawn["voices.png"]) == ["female", "male", *(f"specialist {k}" for k in range(5))]
    assert drawn["voices.png"].get_supxlabel().endswith("seed 1")


def test_few_checks_are_marked_and_no_log_is_no_figure(tmp_path, drawn):
    figures.curves(tmp_path, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    for part, score, count in (("verify", "auc", 3), ("gates/k2", "accuracy", 3), ("ensembles/a", "si", 40)):
        name = score if score != "si" else "si_sdr_improvement"
        folder = tmp_path / "1" / part
        folder.mkdir(parents=True)
        lines = [f"epoch: {n} - valid {name}: {n / 50:.3f}\n" for n in range(1, count + 1)]
        (folder / "train_log.txt").write_text("".join(lines))
    figures.curves(tmp_path, tmp_path / "curves.png")
    listening, masking = drawn["curves.png"].axes
    marks = [
        [line.get_marker() for line in axes.lines if len(line.get_xdata())] for axes in (listening, masking)
    ]
    assert marks == [["o", "o"], [""]]
    assert [t.get_text() for t in listening.get_legend().get_texts()] == ["f", "g"]
    assert list(masking.lines[0].get_xdata())[:2] == [1, 2], "the first check is number 1"


def test_the_table_has_the_mixture_and_a_key_to_every_column(tmp_path):
    found = scored(tmp_path, (1, 2))
    head, _, mixture, *_ = table(found, "test").splitlines()
    assert "| mixture, unprocessed |" in mixture and "0.00 (SI-SDR 2.75 [" in mixture
    assert mixture.count("|") == head.count("|")
    key = "\n".join(LEGEND)
    items = found[0].items["test"]
    assert "whole speakers drawn again" in heading(items, "test")
    assert "mixtures, for few speakers, drawn again" in heading(
        [{**i, "speaker": "ann"} for i in items], "test"
    )
    for column in head.split("|")[1:-1]:
        name = column.strip().partition(" dB")[0].partition(" [")[0]
        assert name == "seeds" or f"{name}:" in key or f"{name}," in key, name


def test_each_way_of_training_is_compared_with_the_generalist_that_was_trained_as_long(tmp_path):
    found = scored(tmp_path, (1,), ks=(2,), sizes=(64,))
    alone = next(s for s in found if s.key[3] == "generalist")
    for number, system in enumerate(("generalist-continued", "generalist-continued-longer"), 1):
        items = [{**i, "gains": [g + number for g in i["gains"]]} for i in alone.items["test"]]
        found.append(Scored(("gru-64", 1, "", system), 1, alone.about, {"test": items}, alone.folder))
    head, _, _, *rows = (
        [cell.strip() for cell in line.split("|")] for line in table(found, "test").splitlines()
    )
    above = head.index("above generalist [95 %]")
    found = {row[head.index("system")]: row[above : above + 2] for row in rows}
    first = {system: float(cell[0].split()[0]) for system, cell in found.items() if cell[0]}
    assert (first["generalist-continued"], first["generalist-continued-longer"]) == (1.0, 2.0)
    for system, less in (("naive", 1.0), ("fine-tuned", 2.0)):
        assert float(found[system][1].split()[0]) == pytest.approx(first[system] - less, abs=0.011)
    assert found["generalist"] == ["", ""] and found["generalist-continued"][1] == ""
