"""``pse plugins``: what is on offer, by whom, and which plugins were skipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..host import Host


def command(
    everything: Annotated[
        bool, typer.Option("--all", help="Also show where each comes from in the code.")
    ] = False,
    kind: Annotated[
        str | None, typer.Option("--kind", help="One kind only, such as conditioner.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="The packages that offer them, as pip takes them.")
    ] = False,
) -> None:
    """List speaker encoders, conditioners, backbones, losses, metrics and recognisers; skipped plugins come last."""
    from ..host import get_host

    host = get_host()
    if requirements:
        typer.echo("\n".join(_requirements(host)))
        return
    rows = _rows(host, kind)
    failures = [vars(failure) for failure in host.failures]
    if as_json:
        typer.echo(json.dumps({"components": rows, "failures": failures}, indent=2))
        return
    _show(rows, everything)
    for failure in host.failures:
        typer.echo(str(failure))


def _rows(host: Host, kind: str | None) -> list[dict[str, Any]]:
    """Describe each component."""
    from ..api import KINDS

    return [
        {
            "kind": each,
            "name": c.name,
            "provider": c.provider,
            "summary": c.summary,
            "factory": c.factory
            if isinstance(c.factory, str)
            else f"{c.factory.__module__}:{c.factory.__qualname__}",
            "api": list(c.api),
        }
        for each in ([kind] if kind else KINDS)
        for c in host.components(each)
    ]


def _requirements(host: Host) -> list[str]:
    """List providers as ``name==version``."""
    return sorted({row["provider"].replace(" ", "==") for row in _rows(host, None)})


def _show(rows: list[dict[str, Any]], everything: bool) -> None:
    """Print a table, a kind after the other."""
    from rich.console import Console
    from rich.table import Table

    columns = ["kind", "name", "provider", "summary", *(["factory", "api"] if everything else [])]
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(".".join(map(str, row[c])) if c == "api" else row[c] for c in columns))
    Console().print(table)
