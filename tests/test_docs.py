"""What the docs say is true: examples run, links lead somewhere, commands and targets exist."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MADE = {".venv", "results", "_build", ".demo", "build", "dist"}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "pse_plugins").rglob("*.py")
    if path.name != "__main__.py"
)
PAGES = sorted(p for p in ROOT.rglob("*.md") if not MADE & set(p.relative_to(ROOT).parts))
GENERATED = {ROOT / "docs/reference" / f"{name}.md" for name in ("components", "command-line", "conformance")}
"""Pages of a built site, in no clone: tracked pages may not link to them."""


def relative(path):
    return str(path.relative_to(ROOT))


def command_lines(text):
    """Yield our commands in fenced shell blocks: continuation lines joined, no prompt or comment, pipes taken apart."""
    for block in re.findall(r"^```(?:bash|sh|shell|console)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r" (?:\||&&|;) ", line.split(" #")[0].removeprefix("$ ")):
                if re.match(r"(pse|make) ", command.strip()):
                    yield shlex.split(command)


def subcommand_problems(words):
    """Say what a ``pse ...`` command names that the command line does not have."""
    module = ROOT / "pse_plugins" / "cli" / f"{words[1]}.py"
    if not module.is_file():
        return [f"no subcommand {words[1]!r}"]
    source = module.read_text()
    if "ignore_unknown_options" in source:  # passed on to a recipe, which checks them itself
        return []
    options = [word.split("=")[0] for word in words[2:] if word.startswith("--")]
    known = set(re.findall(r'"(--[a-z][a-z-]*)', source)) | {
        "--" + name.replace("_", "-") for name in re.findall(r"^ +(\w+): ", source, re.MULTILINE)
    }
    return [f"pse {words[1]} has no option {option}" for option in options if option not in known]


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            found = (page.parent / target.split("#")[0]).resolve()
            assert found.exists() and found not in GENERATED, f"link to {target} leads nowhere"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in command_lines(page.read_text(encoding="utf-8")):
        if words[0] == "make":
            wanted = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(wanted) <= targets, f"make has no target {set(wanted) - targets}"
        if words[0] == "pse" and len(words) > 1 and not words[1].startswith("-"):
            assert subcommand_problems(words) == [], " ".join(words)


def test_command_lines_are_found_whole():
    text = "```bash\n$ pse enhance a.wav \\\n  --out b.wav  # comment\n\nmake test\n```"
    assert list(command_lines(text)) == [["pse", "enhance", "a.wav", "--out", "b.wav"], ["make", "test"]]


def test_unknown_commands_are_noticed():
    assert subcommand_problems(["pse", "no-such-command"]) == ["no subcommand 'no-such-command'"]


def test_ci_runs_the_commands_of_the_readme():
    targets = re.search(r"for target in ([a-z -]+);", (ROOT / ".ci" / "run").read_text()).group(1).split()
    assert targets == ["test", "test-all"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in targets:
        assert re.search(rf"\bmake {target}(?![\w-])", readme), f"the README does not say: make {target}"
