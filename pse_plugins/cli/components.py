"""``pse components``: what a component does, and the options it takes."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .plugins import KIND_WORDS

if TYPE_CHECKING:
    from rich.console import Console

    from ..describe import Description


def command(
    kind: Annotated[str, typer.Argument(help=f"One of {KIND_WORDS}.", show_default=False)],
    name: Annotated[str | None, typer.Argument(help="Such as film; all without.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> int:
    """Show what components do, their options with defaults, their shapes and the papers they are from.

    One that cannot be imported does not hide the others: what is wrong with it comes last, with exit code 1.
    """
    from rich.console import Console

    from ..describe import describe
    from ..host import as_kind

    kind = as_kind(kind)
    found, wrong = ([describe(kind, name)], []) if name else _all(kind)
    if as_json:
        typer.echo(json.dumps([_plain(each) for each in found], indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for each in found:
            _show(console, each)
    for line in wrong:
        typer.echo(f"pse: {line}", err=True)
    return int(bool(wrong))


def _all(kind: str) -> tuple[list[Description], list[str]]:
    """Describe all of a kind that can be; of the others, say why not."""
    from ..describe import describe
    from ..errors import PseError
    from ..host import get_host, label
    from ..plugin_sources import reason_of

    found, wrong = [], []
    for each in get_host().components(kind):
        try:
            found.append(describe(kind, f"{each.distribution}/{each.name}"))
        except PseError as error:
            wrong.append(str(error))
        except Exception as error:  # one that is written so that it cannot be described
            wrong.append(f"{label(kind, each)} cannot be described: {reason_of(error)}")
    return found, wrong


def _plain(found: Description) -> dict[str, Any]:
    component = asdict(found.component)
    return {**asdict(found), "component": {**component, "factory": str(component["factory"])}}


def _show(console: Console, found: Description) -> None:
    """Print one component: what it does, the contract of its kind, its options."""
    from rich.console import Console as Wrapping
    from rich.table import Table
    from rich.text import Text

    component = found.component
    console.print(f"[bold]{found.kind} {component.name}[/] ({component.provider}; {component.factory})")
    console.print(_indent(found.about), markup=False)
    console.print(_indent(f"All {found.contract.removeprefix('Offer ')}"), style="dim", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("  option", "default", "type", "what it does"):
        table.add_column(column, overflow="fold")
    for option in (o for o in found.options if not o.given):
        cells = (
            f"  {option.name}",
            option.default or "must be given",
            option.kind,
            _plain_text(option.about),
        )
        table.add_row(*map(Text, cells))
    if table.row_count:
        Wrapping(highlight=False).print(table)
    console.print()


def _indent(text: str) -> str:
    return indent(_plain_text(text), "  ")


def _plain_text(text: str) -> str:
    """Take the marks of reStructuredText away."""
    return text.replace("`", "")
