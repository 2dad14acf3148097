"""``pse evaluate``: score models on a fixed test list."""

from __future__ import annotations

from pathlib import Path

import typer


def command(
    test_list: Path = typer.Option(..., "--list", help="A test list, from training or `pse data test-list`."),
    data_root: Path = typer.Option(..., "--data-root", help="Folder of the speech that the list names."),
    noise_root: Path = typer.Option(
        None, "--noise-root", help="Folder of the noise; the speech's by default."
    ),
    model: list[str] = typer.Option(None, "--model", help="A bundle; several make one report: name=FOLDER."),
    out: Path = typer.Option(
        Path("evaluation"), "--out", help="Where results.json, results.md and report.html go."
    ),
    metrics: str = typer.Option(None, "--metrics", help="Names, separated by commas."),
    items: int = typer.Option(0, "--items", help="Only so many items, spread over the list; 0 takes all."),
    device: str = typer.Option("cpu", "--device", help="cpu, cuda, cuda:1, ..."),
) -> None:
    """Score models: mixture, wrong and right enrolment, oracle mask, with 95 % intervals."""
    from rich.console import Console
    from rich.progress import Progress

    from ..bundle import load
    from ..data import read_test_list
    from ..evaluation import evaluate
    from ..evaluation.scoring import METRICS

    fixed = read_test_list(test_list, data_root, noise_root)
    if items:
        fixed = fixed[:: max(1, len(fixed) // items)]
    models = {name: load(folder).to(device) for name, folder in _named(model or []).items()}
    console = Console()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating", total=len(fixed))
        results = evaluate(
            models,
            fixed,
            out,
            metrics=[m.strip() for m in metrics.split(",")] if metrics else METRICS,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show(results, console)
    console.print(f"wrote {out / 'results.json'}, {out / 'results.md'} and {out / 'report.html'}")


def show(results: object, console: object) -> None:
    """Print the tables of an evaluation."""
    from rich.table import Table

    from ..evaluation.tables import comparison_table, condition_tables

    for found in [comparison_table(results), *condition_tables(results)]:  # type: ignore[arg-type]
        table = Table(title=found.title, title_justify="left", header_style="bold")
        for i, name in enumerate(found.head):
            table.add_column(name, justify="left" if i == 0 else "right")
        for row in found.rows:
            table.add_row(*row)
        console.print(table)  # type: ignore[attr-defined]


def _named(models: list[str]) -> dict[str, str | None]:
    """Read ``name=folder`` or ``folder``; nothing given means the default model."""
    if not models:
        return {"model": None}
    pairs = [m.partition("=") for m in models]
    return {name if sep else Path(name).name: folder if sep else name for name, sep, folder in pairs}
