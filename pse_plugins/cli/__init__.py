"""The ``pse`` command: a table of subcommands, each in a module of its own that is imported when it is used."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import PseError, nearest

COMMANDS = {
    "demo": "Set up, train, evaluate and stream a small example, from nothing.",
    "enhance": "Keep one speaker of recordings: files or folders.",
    "stream": "Keep one speaker of live audio: raw PCM on stdin and stdout, or a file.",
    "enrol": "Make a speaker's profile of 1 to 5 clips.",
    "export": "Write a model as ONNX graphs that run live without torch.",
    "bench": "Measure how fast models run live on this machine.",
    "data": "Prepare corpora, or synthesise one.",
    "train": "Train an enhancer from a recipe's YAML.",
    "evaluate": "Score a model on fixed test lists, and write the report.",
    "plugins": "List speaker encoders, conditioners, backbones, losses and metrics on offer.",
    "components": "Show what a component does, and its options.",
    "new": "Write a plugin package that works, to be changed.",
    "check": "Run the conformance kit over a component.",
    "doctor": "Check this installation and say how to mend it.",
}
"""Subcommand -> its line in the help.

``pse_plugins.cli.<name>`` has a ``command`` function, with typer's ``CONTEXT`` settings if need be, or an ``app``.
"""

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130

_UsageError: Any = typer.BadParameter.__base__
_ClickException: Any = _UsageError.__base__


class _Group(TyperGroup):
    """Shows the table's lines, and imports only the command that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else _command(name), rest


def _command(name: str) -> Any:
    """Import one subcommand; a module's ``CONTEXT`` tells how to read unknown options."""
    module = import_module(f"{__name__}.{name}")
    if hasattr(module, "app"):
        return typer.main.get_group(module.app)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = getattr(module, "CONTEXT", None)
    app.command(name, help=module.command.__doc__, context_settings=settings)(module.command)
    return typer.main.get_command(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"pse-plugins {__version__}")
        raise typer.Exit


def _group() -> Any:
    app = typer.Typer(cls=_Group, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def pse(
        version: bool = typer.Option(
            False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ) -> None:
        """Keep one enrolled speaker, remove everything else."""

    group: Any = typer.main.get_group(app)
    group.commands = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}
    return group


def _say(message: str) -> None:
    """Print one line on stderr, and the traceback before it if ``PSE_DEBUG=1``."""
    if _debugging():
        traceback.print_exc()
    typer.echo(f"pse: {' '.join(message.split())}", err=True)


def _debugging() -> bool:
    return os.environ.get("PSE_DEBUG", "") not in ("", "0")


def _unforeseen(error: Exception) -> str:
    """Say an error that is nobody's mistake on the command line: what, where, and in which plugin."""
    hints = [] if _debugging() else ["PSE_DEBUG=1 shows where"]
    try:
        from ..blame import describe, place_of, plugin_of

        said, place = describe(error), place_of(error)
        if place is not None:
            provider, component = plugin_of(place)
            of = f", of {provider}: run `pse check {component or 'NAME'}`" if provider else ""
            hints.insert(0, f"{place.file}:{place.line} in {place.name}{of}")
    except Exception:  # an installation that is too broken to look into
        said = f"{type(error).__name__}: {error}"
    return f"{said} ({'; '.join(hints)})" if hints else said


def _usage(error: Any) -> str:
    """Say a mistake on the command line in one line."""
    context = getattr(error, "ctx", None)
    said, path = error.format_message().rstrip("."), context.command_path if context else "pse"
    unknown = getattr(error, "option_name", "") if type(error).__name__ == "NoSuchOption" else ""
    if unknown and context:
        known = sorted(name for p in context.command.params for name in p.opts if name.startswith("--"))
        near = nearest(unknown.lstrip("-"), [name.lstrip("-") for name in known]).replace(" '", " '--")
        said = f"no option {unknown}{near}; there are: {', '.join(known)}"
    return f"{said} (see {path} --help)"


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str or None
        Without the program's name; None takes the process's.

    Returns
    -------
    int
        0 done, 1 failed, 2 the user's mistake, 130 interrupted.
    """
    args = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        code = _group().main(args, prog_name="pse", standalone_mode=False)
    except PseError as error:
        _say(str(error))
        return MISTAKE
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            _say(_usage(error))
        return MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        _say(_unforeseen(error))
        return FAILED
    if code == INTERRUPTED:
        _say("interrupted; what was finished is kept")
    return code if isinstance(code, int) else DONE


def main() -> None:
    """Run the process's command line and exit."""
    sys.exit(run())
