"""What is shown: tables, key, picture, and the command line."""

import copy
import io
import json

import pytest
from fake_peers import write_dtln, write_gtcrn
from PIL import Image
from rich.console import Console
from test_measure import contender
from tiny_models import tiny_enhancer

from pse_plugins import cli
from pse_plugins.bench import machine, measure
from pse_plugins.bench.plot import plot
from pse_plugins.bench.report import report
from pse_plugins.bench.tables import heading, key, tables
from pse_plugins.export import export


@pytest.fixture(scope="module")
def measured():
    rows = [contender(lambda hop: None, name=n, macs=m) for n, m in (("a", 123456789), ("b" * 24, None))]
    return report(measure(rows, seconds=0.25, paced=0.25, starts=0))


def shown(things):
    text = io.StringIO()
    console = Console(file=text, width=80)
    for thing in things:
        console.print(thing)
    return text.getvalue()


def test_tables_fit_80_columns_even_with_large_figures(measured):
    large = copy.deepcopy(measured)
    for row in large["rows"]:
        row["macs_per_hop"], row["start_ms"], row["resident_bytes"] = 10**9, 12345.0, 10**9
        row["misses_per_hour"] = 123456.0
        row["paced"]["max"] = row["back_to_back"]["max"] = 123.4
    text = shown(tables(large))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for value in ("12345", "123456", "1000", "123", "b" * 24):
        assert value in text


def test_what_is_not_known_is_a_dash(measured):
    line = next(x for x in shown(tables(measured)[2:]).splitlines() if x.startswith("bb"))
    assert line.split()[2:5] == ["-", "-", "-"]


def test_the_key_says_what_is_extrapolated_and_the_heading_what_ran(measured):
    assert "extrapolated to an hour" in key(measured)
    assert "one thread" in heading(measured) and "torch" in heading(measured)


def test_the_report_is_json_with_units_in_its_names(measured):
    row = json.loads(json.dumps(measured))["rows"][0]
    assert row["hop_ms"] == 20 and row["latency_ms"] == 40 and row["buffering_ms"] == 0
    assert row["macs_per_second"] == 50 * row["macs_per_hop"]
    assert row["rtf"] == pytest.approx(row["back_to_back"]["p50"] / row["hop_ms"])


def test_the_machine_names_its_instruction_sets():
    assert machine.instructions("fpu avx2 avx512f amx_int8 avx512_vnni") == ["avx2", "avx512", "vnni", "amx"]
    assert machine.describe()["versions"]["numpy"]


def test_the_picture_is_drawn_for_each_row(measured, tmp_path):
    plot(measured, tmp_path / "a.png")
    one = {**measured, "rows": measured["rows"] * 4}
    plot(one, tmp_path / "b.png")
    first, second = (Image.open(tmp_path / f"{n}.png") for n in "ab")
    assert second.height > first.height and first.width == second.width
    plot(measured, tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_the_command_measures_a_model_beside_peers(tmp_path, capsys):
    export(tiny_enhancer(None, "gru"), tmp_path / "live")
    write_dtln(tmp_path), write_gtcrn(tmp_path)
    files = ["--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]
    wait = ["--seconds", "0.25", "--paced", "0.25"]
    code = cli.run(["bench", str(tmp_path / "live"), "--peers", str(tmp_path), *wait, *files])
    out = capsys.readouterr().out
    assert code == 0 and (tmp_path / "a.png").stat().st_size > 1000
    assert max(map(len, out.splitlines())) <= 80
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["live", "GTCRN", "DTLN"]
    assert [row["hop_ms"] for row in rows[1:]] == [16, 8] and rows[1]["latency_ms"] == 32
    assert all(row["start_ms"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["--plot", "a.jpg"], "must end in .png"),
        (["--json", "none/a.json"], "none/a.json: cannot be written"),
        (["--peers", "none", "live"], "none: no peer there"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(tmp_path, monkeypatch, capsys, args, said):
    monkeypatch.chdir(tmp_path)
    if "live" in args:
        export(tiny_enhancer(None, "gru"), tmp_path / "live")
    assert cli.run(["bench", *args]) == 2
    err = capsys.readouterr().err
    assert said in err and "back to back" not in err
