"""``pse bench``: how fast models run live on this machine, side by side."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._speaker import remark

if TYPE_CHECKING:
    from ..bench.contender import Contender


def command(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Folders: bundles, which torch runs, or what pse export wrote, which pse-runtime runs. Without "
            "any, the default model in three ways.",
            show_default=False,
        ),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option(
            "--peers", help="Folder with the ONNX files of GTCRN or DTLN, to go beside.", show_default=False
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.25, help="How long each model runs back to back.")
    ] = 3.0,
    paced: Annotated[
        float, typer.Option("--paced", min=0.25, help="How long each model runs at the pace of the sound.")
    ] = 5.0,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write all figures there.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw p50 and p99 there: .png, .svg or .pdf.", show_default=False),
    ] = None,
) -> None:
    """Measure models live on one thread of this machine, in turns: time of a hop, latency, memory, start-up, limits.

    Speed does not depend on what is heard nor on who is enrolled: both are made up.
    """
    from ..bench import measure
    from ..bench.plot import check_suffix
    from ..bench.plot import plot as draw
    from ..bench.report import report

    for file in (as_json, plot):
        _check_writable(file)
    if plot is not None:
        check_suffix(plot)
    with tempfile.TemporaryDirectory() as folder:
        found = _find(models or [], peers, Path(folder))
        rows = measure(found, seconds, paced, progress=lambda what: remark(f"{len(found)} rows, {what} ..."))
    measured = report(rows)
    _show(measured)
    if as_json is not None:
        as_json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        draw(measured, plot)


def _find(models: list[Path], peers: Path | None, folder: Path) -> list[Contender]:
    """Load what was asked for; the default model is exported to a folder."""
    from ..bench import default_contenders, find_contenders
    from ..bundle import find_model
    from ..errors import ConfigError
    from ..export.tracing import need_exporter

    if models:
        return find_contenders(models, peers)
    try:
        need_exporter()
    except ConfigError as error:
        remark(f"{error}; without it the default model is measured with torch alone")
        return find_contenders([find_model()], peers)
    remark("exporting the default model, twice ...")
    return default_contenders(folder, peers)


def _check_writable(file: Path | None) -> None:
    """Refuse a file that cannot be written, before anything is measured."""
    from ..errors import ConfigError

    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise ConfigError(f"{file}: cannot be written; name a file in a folder that exists")


def _show(measured: dict[str, Any]) -> None:
    """Print the machine, the tables and their key."""
    from rich.console import Console

    from ..bench.tables import heading, key, tables

    console = Console(width=None if sys.stdout.isatty() else 80, highlight=False)
    console.print(heading(measured), style="bold")
    for table in tables(measured):
        console.print()
        console.print(table)
    console.print()
    console.print(key(measured), style="dim")
