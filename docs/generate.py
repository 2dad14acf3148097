"""Write the reference pages that are made from the code: components and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def write_generated(folder: Path) -> None:
    """Write the pages into a folder, unless they are there with the same words: Sphinx rebuilds what is newer."""
    for name, make in (
        ("components", components),
        ("command-line", command_line),
        ("conformance", conformance),
    ):
        path, text = folder / f"{name}.md", make()
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def components() -> str:
    """Describe every component that the toolkit brings, with its options."""
    listed = json.loads(pse("plugins", "--all", "--json"))["components"]
    own = [row for row in listed if row["provider"].startswith("pse-plugins")]
    kinds = list(dict.fromkeys(row["kind"] for row in own))
    pages = ["# Components\n", "What is built in; `pse components KIND NAME` shows the same of any plugin.\n"]
    for kind in kinds:
        pages.append(f"## {plural(kind)}\n")
        pages += [component(found) for found in json.loads(pse("components", kind, "--json"))]
    return "\n".join(pages)


def component(found: dict[str, Any]) -> str:
    """Describe one component."""
    lines = [f"### {found['component']['name']}\n", found["about"].replace("``", "`") + "\n"]
    options = [option for option in found["options"] if not option["given"]]
    if options:
        lines += ["| option | default | type | what it does |", "|---|---|---|---|"]
    for option in options:
        about = option["about"].replace("``", "`").replace("|", "\\|")
        lines.append(f"| `{option['name']}` | `{option['default']}` | {option['kind']} | {about} |")
    return "\n".join([*lines, ""])


def command_line() -> str:
    """Show the help of every command."""
    from pse_plugins.cli import COMMANDS

    pages = [
        "# Command line\n",
        "`python -m pse_plugins.cli` is the same as `pse`. Exit codes: 0 done, 1 failed,",
    ]
    pages.append("2 the user's mistake, said in one line with its remedy.\n")
    for name in COMMANDS:
        pages += [f"## pse {name}\n", "```text", pse(name, "--help").strip(), "```\n"]
    return "\n".join(pages)


def conformance() -> str:
    """List the checks of the conformance kit."""
    from pse_plugins.api import KINDS
    from pse_plugins.testing import checks

    pages = [
        "# Conformance\n",
        "What the kit demands of a component, whoever wrote it. Three doors lead to it:",
    ]
    pages.append("`pse check NAME`, a test in the component's own package, and plain functions.\n")
    pages += ["```{eval-rst}", ".. autofunction:: pse_plugins.testing.conformance\n"]
    pages += [
        ".. autofunction:: pse_plugins.testing.examine\n",
        ".. autofunction:: pse_plugins.testing.integration\n",
        ".. autofunction:: pse_plugins.testing.facts",
        "```\n",
    ]
    for kind in KINDS:
        pages.append(f"## {plural(kind)}\n")
        pages += [f"- **{check.name}**: {check.about.replace('``', '`')}" for check in checks(kind)]
        pages.append("")
    return "\n".join(pages)


def plural(kind: str) -> str:
    """Give a kind's heading."""
    return "Losses" if kind == "loss" else f"{kind.replace('_', ' ').capitalize()}s"


def pse(*words: str) -> str:
    """Run a command of ours, without plugins of others, on a terminal of 100 columns without colour."""
    import os

    plain = {"PSE_PLUGINS": "", "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "pse_plugins.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **plain})
    return done.stdout
