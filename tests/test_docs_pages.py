"""The pages for plugin authors: they build without a warning, their signatures hold, the tutorial runs as written."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from environments import make_environment  # noqa: F401 - a fixture

from pse_plugins.api import KINDS, HookSpecs
from pse_plugins.host import Host

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize("hook", KINDS.values())
def test_each_hook_has_a_page_with_its_exact_signature(hook):
    page = (DOCS / "reference" / "hooks" / f"{hook}.md").read_text("utf-8")
    signature = str(inspect.signature(getattr(HookSpecs(), hook))).replace("'", "")  # as a plugin writes it
    assert f"```python\ndef {hook}{signature}\n```" in page


def test_no_page_is_of_a_hook_that_is_gone():
    pages = {path.stem for path in (DOCS / "reference" / "hooks").glob("pse_*.md")}
    assert pages == set(KINDS.values())


def test_the_recipe_page_has_every_key_and_no_other():
    from pse_plugins.training.run import USED

    page = (DOCS / "reference" / "recipe.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) | {
        "find_unused_parameters",
        "optimizer_step_limit",
    } == set(USED)


def test_the_recipe_page_has_the_keys_of_tables():
    from pse_plugins.training.comparison import USED

    text = (DOCS / "reference" / "recipe.md").read_text("utf-8").split("\n## Tables")[1].split("\n## ")[0]
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.M), "task"} == set(USED)


def test_the_recipe_page_has_the_options_of_sets_and_their_defaults():
    from pse_plugins.data.sets import librispeech_sets, mixture_sets

    page = (DOCS / "reference" / "recipe.md").read_text("utf-8")
    text = page.split("\n## Voices")[1].split("\n## ")[0]
    rows = [row.split("|") for row in text.splitlines() if row.startswith("| `")]
    known = {
        p.name: p.default
        for f in (librispeech_sets, mixture_sets)
        for p in inspect.signature(f).parameters.values()
    }
    named = {name: row[3] for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert set(named) <= set(known)
    for name, said in named.items():
        if isinstance(known[name], int):
            assert str(known[name]) in said, name
        elif isinstance(known[name], tuple):
            assert said.strip() == str(list(known[name])), name


def test_the_recipe_page_has_every_option_of_mixtures_and_its_default():
    from pse_plugins.data.law import SCENARIOS, MixingLaw

    table = (DOCS / "reference" / "recipe.md").read_text("utf-8").partition("## Mixtures")[2]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[1])]
    law = {f.name: getattr(MixingLaw(), f.name) for f in fields(MixingLaw)}
    assert sorted(named) == sorted([*law, "enrolment_augmentation"])
    assert all(f"`{scenario}`" in table for scenario in SCENARIOS)
    for row in rows:
        for name in re.findall(r"`(\w+)`", row[1]):
            value = law.get(name)
            if isinstance(value, int | float | tuple) or value is None:
                said = "`null`" if value is None else f"{list(value) if isinstance(value, tuple) else value:}"
                assert said.replace(".0", "") in row[3].replace(".0", ""), name


BROKEN = {
    "ModuleNotFoundError: No module named 'x'": "import x",
    "no hook 'pse_conditoners'; did you mean": "@hookimpl\ndef pse_conditoners():\n    return ()",
    "yields Component records, not": "@hookimpl\ndef pse_conditioners():\n    yield {}",
    "is not kebab-case": "@hookimpl\ndef pse_conditioners():\n    yield Component('A', 'a:A')",
    "is written for api (2, 0)": "@hookimpl\ndef pse_conditioners():\n    yield Component('a', 'a:A', api=(2, 0))",
    "SyntaxError": "def",
}


@pytest.mark.parametrize("said", BROKEN)
def test_what_the_page_says_of_skipped_plugins_is_what_is_said(install, said):
    page = (DOCS / "how-to" / "debug-a-skipped-plugin.md").read_text("utf-8")
    rows = [row.split("|")[1].replace("`", "") for row in page.splitlines() if row.startswith("| `")]
    words = said.split(" ")
    assert any(all(word in row for word in words) for row in rows), f"the page has no row for: {said}"
    install("pse-fake", f"from pse_plugins import Component, hookimpl\n{BROKEN[said]}\n")
    (failure,) = Host().failures
    assert said in str(failure)


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason='pip install "pse-plugins[docs]"')
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "reference" / "components.html").read_text("utf-8")
    assert "cross-attention" in page and "Perez et al., 2018" in page
    assert "state_spec" in (tmp_path / "reference" / "contracts.html").read_text("utf-8")


def test_make_docs_builds_as_strictly():
    assert (
        "\ndocs: setup\n\t$(BIN)/python -m sphinx -W --keep-going -q docs " in (ROOT / "Makefile").read_text()
    )
    assert "| `make docs` |" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def tutorial_steps(text):
    """Yield ``("bash", commands)``, ``("text", what the commands before print)`` and ``(path, content)``."""
    block = re.compile(r"^```(bash|text|\{code-block\} \w+)\n(?::caption: (\S+)\n\n?)?(.*?)^```", re.M | re.S)
    for kind, caption, body in block.findall(text):
        yield (caption or kind), body


@pytest.mark.slow
def test_the_tutorial_runs_as_written(environment, tmp_path):
    said = ""
    for kind, body in tutorial_steps((DOCS / "tutorial" / "first-plugin.md").read_text("utf-8")):
        if kind == "bash":
            done = subprocess.run(
                ["bash", "-ec", body],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env=environment,
                timeout=400,
            )
            said = done.stdout + done.stderr
            assert done.returncode == 0, f"{body}\n{said[-3000:]}"
        elif kind == "text":
            for line in body.splitlines():
                assert " ".join(line.split()) in " ".join(said.split()), f"not said: {line}\n{said[-3000:]}"
        else:
            (tmp_path / kind).write_text(body)
