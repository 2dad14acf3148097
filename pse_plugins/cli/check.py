"""``pse check``: see whether a component does what its contract says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._options import mapping
from .plugins import KIND_WORDS

if TYPE_CHECKING:
    from rich.console import Console

    from ..plugin_sources import Remark
    from ..testing import Result

_SIGNS = {
    "passed": ("ok", "green"),
    "not applicable": ("--", "dim"),
    "failed": ("FAILED", "bold red"),
    "expected failure": ("expected", "yellow"),
    "unexpected pass": ("PASSES", "bold yellow"),
}


def command(
    name: Annotated[str, typer.Argument(help="Of the component, as YAML names it.", show_default=False)],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", help=f"Its kind: {KIND_WORDS}; all that have the name without.", show_default=False
        ),
    ] = None,
    conditioner: Annotated[
        str | None,
        typer.Option(
            "--conditioner", help="To put inside a backbone; a plain one without.", show_default=False
        ),
    ] = None,
    options: Annotated[
        str, typer.Option("--options", help='Of the component, as YAML: "{hidden: 8}"; tiny is quick.')
    ] = "{}",
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", help='A check that it may fail, and why: "double-precision: float32 only".'),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> int:
    """Run the conformance kit over a component: one line a check, then what it costs; exit code 1 if one fails."""
    from rich.console import Console

    from .. import host

    given, expected = mapping(options, "--options"), _expected(expect or [])
    reports = []
    for each in _kinds(name, kind, conditioner):
        factory, component = host.load(each, name)
        if given:
            needed = dict.fromkeys(_given_by_host(each), 1)
            host.check_options(factory, {**needed, **given}, f"{each} {component.name!r}")
        inside = conditioner if each == "backbone" else None
        results = _results(each, name, inside, given, expected)
        title = f"{each} {component.name} ({component.provider})"
        remarks = [r for r in host.get_host().remarks if r.provider == component.distribution]
        reports.append((title, _about(each), results, _facts(each, factory, inside, given), remarks))
    if as_json:
        typer.echo(json.dumps([_plain(*report) for report in reports], indent=2))
    else:
        for report in reports:
            _show(Console(highlight=False), *report)
    return int(any(not result.ok for _, _, results, *_ in reports for result in results))


def _kinds(name: str, kind: str | None, conditioner: str | None) -> list[str]:
    """Find the kinds to check a name as.

    Raises
    ------
    ComponentError
        If there is no such kind, or no component of this name, with what may be the cause.
    ConfigError
        If a conditioner is to be put inside what is no backbone.
    """
    from ..api import KINDS
    from ..errors import ComponentError, ConfigError
    from ..host import as_kind, get_host

    host, short = get_host(), name.rpartition("/")[2]
    names = {each: [c.name for c in host.components(each)] for each in KINDS}
    found = [as_kind(kind)] if kind else [each for each, offered in names.items() if short in offered]
    if not found:
        everything = sorted({n for offered in names.values() for n in offered})
        raise ComponentError(f"no component {name!r}{host.why_not(name, everything)}; see `pse plugins`")
    if conditioner and "backbone" not in found:
        raise ConfigError(
            f"--conditioner is put inside a backbone, and {name} is a {' and a '.join(found)}; leave it out"
        )
    return found


def _expected(words: list[str]) -> dict[str, str]:
    """Read ``check: reason`` pairs."""
    from ..errors import ConfigError

    expected = {}
    for word in words:
        check, _, reason = word.partition(":")
        if not reason.strip():
            raise ConfigError(f"--expect {word!r}: say why, as in --expect 'double-precision: float32 only'")
        expected[check.strip()] = reason.strip()
    return expected


def _results(
    kind: str, name: str, conditioner: str | None, options: dict[str, Any], expected: dict[str, str]
) -> list[Result]:
    """Examine a component alone, and then at work in a small enhancer."""
    from ..testing import examine, integrate
    from ..testing.integration import steps
    from ..testing.kit import check_expected

    check_expected(kind, expected, _about(kind))
    at_work = {check: why for check, why in expected.items() if check in steps(kind)}
    alone = {check: why for check, why in expected.items() if check not in at_work}
    around = {"conditioner": conditioner} if conditioner else {}
    own = {key: value for key, value in options.items() if key not in _given_by_host(kind)}
    return [
        *examine(kind, name, conditioner=conditioner, expected_failures=alone, **options),
        *integrate(kind, name, expected_failures=at_work, **{f"{kind}_options": own}, **around),
    ]


def _given_by_host(kind: str) -> tuple[str, ...]:
    """Name the parameters that whoever builds a component of a kind gives, not the recipe."""
    from ..testing.rigs import RIGS

    return getattr(RIGS[kind], "required", ())


def _about(kind: str) -> dict[str, str]:
    """Give what each check demands."""
    from ..testing import checks
    from ..testing.integration import steps

    return {check.name: check.about for check in checks(kind)} | steps(kind)


def _facts(
    kind: str, factory: Callable[..., Any], conditioner: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Measure what it costs; what cannot run has been told by the checks."""
    from .. import host
    from ..blame import describe
    from ..testing import facts

    inside = host.load("conditioner", conditioner)[0] if conditioner else None
    try:
        return facts(kind, factory, conditioner=inside, **options)
    except (Exception, SystemExit) as error:
        return {"not measured": describe(error)}


def _plain(
    title: str,
    about: dict[str, str],
    results: list[Result],
    found: dict[str, Any],
    remarks: list[Remark],
) -> dict[str, Any]:
    lines = [{**vars(result), "about": about[result.check]} for result in results]
    return {"component": title, "checks": lines, "facts": found, "remarks": [vars(r) for r in remarks]}


def _show(
    console: Console,
    title: str,
    about: dict[str, str],
    results: list[Result],
    found: dict[str, Any],
    remarks: list[Remark],
) -> None:
    """Print one line a check, then the count, the costs, and what the host remarks on the package."""
    console.print(f"[bold]{title}")
    width = max(len(result.check) for result in results)
    for result, others in _folded(results):
        sign, style = _SIGNS[result.outcome]
        said = result.message or about[result.check].replace("`", "")
        said += f" (so do {len(others)} more: {', '.join(others)})" if others else ""
        console.print(f"  {sign:8} {result.check:{width}}  {said}", style=style, markup=False, soft_wrap=True)
    wrong = sum(not result.ok for result in results)
    console.print(f"  {len(results) - wrong} of {len(results)} in order; on one core, at usual sizes:")
    for name, value in found.items():
        shown = (
            f"{value:.2g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        )
        console.print(f"  {name}: {shown}", style="dim", markup=False, soft_wrap=True)
    for remark in remarks:
        console.print(f"  {remark}", style="yellow", markup=False, soft_wrap=True)


def _folded(results: list[Result]) -> list[tuple[Result, list[str]]]:
    """Fold checks that failed with the same words into the first of them."""
    folded: dict[tuple[str, str], tuple[Result, list[str]]] = {}
    for result in results:
        same = (result.outcome, result.message if result.outcome == "failed" else result.check)
        if same in folded:
            folded[same][1].append(result.check)
        else:
            folded[same] = (result, [])
    return list(folded.values())
