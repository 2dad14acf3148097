"""``pse plugins``: what is on offer, by whom, and which plugins were skipped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..api import KINDS

if TYPE_CHECKING:
    from ..host import Host
    from ..plugin_sources import Remark

KIND_WORDS = ", ".join(KINDS)
"""The kinds, for the help of commands."""


def command(
    everything: Annotated[
        bool, typer.Option("--all", help="Also show where each comes from in the code.")
    ] = False,
    kind: Annotated[
        str | None, typer.Option("--kind", help=f"One kind only: {KIND_WORDS}.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="The packages that offer them, as pip takes them.")
    ] = False,
) -> None:
    """List speaker encoders, conditioners, backbones, losses, metrics and recognisers; skipped plugins come last.

    Settings: PSE_PLUGINS=a,b loads only these packages' plugins (empty: none),
    PSE_BLOCK=a,b leaves these out, PSE_STRICT=1 makes a broken one an error.
    """
    host = quiet_host()
    if requirements:
        from ..requirements import in_use

        typer.echo("\n".join(in_use()))
        return
    rows = _rows(host, kind)
    if as_json:
        listing = {"components": rows, "failures": _plain(host.failures), "remarks": _plain(host.remarks)}
        typer.echo(json.dumps(listing, indent=2))
        return
    _show(rows, everything)
    for notice in (*host.remarks, *host.failures):
        typer.echo(str(notice))


def quiet_host() -> Host:
    """Give the host; what it tells of skipped plugins when a component is found, the caller shows at once."""
    from ..host import get_host

    return get_host()


def _rows(host: Host, kind: str | None) -> list[dict[str, Any]]:
    """Describe each component."""
    from ..host import as_kind

    return [
        {
            "kind": each,
            "name": c.name,
            "provider": c.provider,
            "summary": c.summary,
            "factory": _code(c.factory),
            "api": list(c.api),
        }
        for each in ([as_kind(kind)] if kind else KINDS)
        for c in host.components(each)
    ]


def _plain(notices: Iterable[Remark]) -> list[dict[str, str]]:
    return [vars(notice) for notice in notices]


def _code(factory: Any) -> str:
    """Say where a factory is in the code; one that has no name, such as a partial, as it prints itself."""
    if isinstance(factory, str):
        return factory
    name = getattr(factory, "__qualname__", None)
    return f"{factory.__module__}:{name}" if name else repr(factory)


def _show(rows: list[dict[str, Any]], everything: bool) -> None:
    """Print a table, a kind after the other."""
    from rich.console import Console
    from rich.table import Table

    columns = ["kind", "name", "provider", "summary", *(["factory", "api"] if everything else [])]
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("kind", "name", "provider"))
    for row in rows:
        table.add_row(*(".".join(map(str, row[c])) if c == "api" else row[c] for c in columns))
    Console(width=None if sys.stdout.isatty() else 400).print(table)  # one line each in a pipe
