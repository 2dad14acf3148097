"""``pse evaluate``: score models on a fixed test list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._options import mapping
from ._progress import progress
from ._speaker import Device, Threads, load_model

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from ..data import TestList
    from ..data.plan import Plan
    from ..evaluation import Results
    from ..evaluation.cells import Table


def command(
    test_list: Annotated[
        Path, typer.Option("--list", help="A test list, from training or `pse data test-list`.")
    ],
    data_root: Annotated[Path, typer.Option("--data-root", help="Folder of the speech that the list names.")],
    noise_root: Annotated[
        Path | None, typer.Option("--noise-root", help="Folder of the noise; the speech's by default.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="A bundle, or 'default'; several make one report, each as FOLDER or name=FOLDER."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Where results.json, results.md and report.html go.")
    ] = Path("evaluation"),
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="Names, separated by commas; all by default.")
    ] = None,
    recogniser: Annotated[
        str | None,
        typer.Option("--recogniser", help="Word error rates by this recogniser, such as pocketsphinx."),
    ] = None,
    recogniser_options: Annotated[
        str | None,
        typer.Option(
            "--recogniser-options", "--recogniser_options", help="Its options: 'model: FOLDER, device: cuda'."
        ),
    ] = None,
    enrolments: Annotated[
        str | None,
        typer.Option(
            "--enrolments",
            help="More rows, with other enrolments of the voice: '1 clip, 1.5 s, telephone, room, five of one'.",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", help="Only these, such as 'mixture, right enrolment'; all by default."),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option("--conditions", help="Only items of these: 'ambient, babble'; all by default."),
    ] = None,
    items: Annotated[
        int, typer.Option("--items", min=0, help="Only so many items, spread over the list; 0 takes all.")
    ] = 0,
    samples: Annotated[
        int, typer.Option("--samples", min=0, help="Items of each condition to hear and see in the report.")
    ] = 1,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that score; 0 scores in this one.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap.")] = 0,
    device: Device = "cpu",
    threads: Threads = 1,
) -> None:
    """Score models: mixture, wrong and right enrolment, oracle mask, with 95 % intervals.

    What is stopped keeps what it has scored in the folder of --out: the same command goes on there.
    """
    from rich.console import Console

    from ..data import read_test_list
    from ..evaluation import evaluate
    from ..evaluation.results import SYSTEMS
    from ..evaluation.scoring import METRICS

    options = mapping(recogniser_options, "--recogniser-options") if recogniser_options else None
    changed = [f"enrolment: {name}" for name in listed(enrolments)]
    fixed = of_conditions(read_test_list(test_list, data_root, noise_root), listed(conditions))
    fixed = spread(fixed, items)
    models = {name: load_model(folder, device, threads) for name, folder in named(model or []).items()}
    with progress("evaluating", len(fixed)) as tell:
        results = evaluate(
            models,
            fixed,
            out,
            metrics=METRICS if metrics is None else listed(metrics),
            rows=[*(listed(rows) or SYSTEMS), *changed],
            recogniser=recogniser,
            recogniser_options=options,
            workers=workers,
            samples=samples,
            seed=seed,
            progress=tell,
        )
    console = Console()
    show(results, console)
    typer.echo(f"wrote {out / 'results.json'}, {out / 'results.md'} and {out / 'report.html'}")


def show(results: Results, console: Console) -> None:
    """Print the tables of an evaluation; intervals in the first only, the others' are in the files."""
    from ..evaluation.tables import comparison_table, condition_tables, notes
    from ..evaluation.word_tables import word_tables

    comparison = comparison_table(results)
    if comparison.rows:
        console.print(_table(comparison, names=2, intervals=True))
    for found in [*condition_tables(results), *word_tables(results)]:
        console.print(_table(found, names=1, intervals=False))
    for note in notes(results):
        console.print(note, highlight=False, markup=False)


def _table(found: Table, names: int, intervals: bool) -> RichTable:
    """Lay a table out for the terminal: the first columns are names, the others figures."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as RichTable

    from ..evaluation.cells import MISSING, NONE
    from ..evaluation.word_tables import NO_TEXT

    table = RichTable(title=escape(found.title), title_justify="left", box=SIMPLE_HEAD, collapse_padding=True)
    for i, name in enumerate(found.head):
        table.add_column(escape(name).replace(" (", "\n("), justify="left" if i < names else "right")
    for row in found.rows:
        cells = [cell.replace(" [", "\n[") if intervals else cell.partition(" [")[0] for cell in row]
        cells = [
            NONE if cell in (MISSING, NO_TEXT) else cell for cell in cells
        ]  # short, as a note says the rest
        style = "bold" if row[0].endswith(("right enrolment", "enhanced")) else None
        table.add_row(*map(escape, cells), style=style)
    return table


def listed(text: str | None) -> list[str]:
    """Read names that are separated by commas.

    Examples
    --------
    >>> listed("ambient, babble"), listed(None)
    (['ambient', 'babble'], [])
    """
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def of_conditions(items: TestList, names: Sequence[str]) -> TestList:
    """Take the items of some conditions; all where none is named.

    Raises
    ------
    ConfigError
        If the list has no item of one.
    """
    from ..errors import ConfigError, nearest

    known = list(dict.fromkeys(plan.scenario for plan in items.plans))
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--conditions: the list has no {name!r}{nearest(name, known)}; it has {', '.join(known)}"
            )
    return _of(items, [plan for plan in items.plans if plan.scenario in names]) if names else items


def spread(items: TestList, count: int) -> TestList:
    """Take so many items, evenly spread over a list, so that no condition is left out; 0 takes all.

    Examples
    --------
    >>> from pse_plugins.data import TestList
    >>> len(spread(TestList([None] * 10, None, None), 4))
    4
    """
    if not count or count >= len(items):
        return items
    return _of(items, [items.plans[(i * len(items)) // count] for i in range(count)])


def _of(items: TestList, plans: list[Plan]) -> TestList:
    """Make a list of some of the plans of another."""
    from ..data import TestList

    return TestList(plans, items.speech, items.noise, items.checksum)


def named(models: Sequence[str]) -> dict[str, Path | None]:
    """Read each ``name=folder`` or ``folder``; ``default``, and nothing given, mean the default model.

    Raises
    ------
    ConfigError
        If two models have one name.

    Examples
    --------
    >>> {name: folder.as_posix() for name, folder in named(["runs/film/bundle", "other=runs/concat"]).items()}
    {'film': 'runs/film/bundle', 'other': 'runs/concat'}
    """
    if not models:
        return {"default": None}
    found: dict[str, Path | None] = {}
    for text in models:
        name, equals, folder = text.partition("=")
        if not equals or Path(text).exists():
            name, folder = _name(Path(text).resolve()), text
        if name in found:
            from ..errors import ConfigError

            raise ConfigError(
                f"two models are called {name!r}; name them: --model a={found[name]} --model b={folder}"
            )
        found[name] = Path(folder)
    return found


def _name(folder: Path) -> str:
    """Name a bundle by its folder, or by the run that it lies in."""
    return folder.parent.name if folder.name in ("bundle", "model") else folder.name
