"""The house style, checked on the syntax trees of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    file for part in ("pse_plugins", "runtime/pse_runtime") for file in (ROOT / part).rglob("*.py")
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".cff", ".txt", ".cfg", ".sh", ".html", ".rst", ""}
ELSEWHERE = re.compile("|".join(("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/", "/" + "tmp/")))
INDEX_HOST = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", r"download\." + "pytorch")))


def relative(path):
    return str(path.relative_to(ROOT))


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def members(node, prefix=""):
    """Yield (qualified name, node) of functions and classes at module or class level."""
    for child in node.body:
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield f"{prefix}{child.name}", child
        if isinstance(child, ast.ClassDef):
            yield from members(child, f"{prefix}{child.name}.")


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def untyped(function):
    arguments = function.args
    named = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    missing = [
        a.arg for a in named if a is not None and a.annotation is None and a.arg not in ("self", "cls")
    ]
    return missing + ([] if function.returns is not None else ["return"])


def docstring_lines(node):
    """Count the lines of a module's, class's or function's own docstring."""
    first = node.body[0] if ast.get_docstring(node) is not None else None
    return first.end_lineno - first.lineno + 1 if first else 0


def code_lines(function):
    """Count the lines of a function's body without its docstring; what it takes may be said at length."""
    return function.end_lineno - function.body[0].lineno + 1 - docstring_lines(function)


def file_lines(text):
    """Count a file's lines without docstrings: shapes and units may be said at length."""
    documented = (ast.Module, ast.ClassDef, *FUNCTIONS)
    return len(text.splitlines()) - sum(
        docstring_lines(n) for n in ast.walk(ast.parse(text)) if isinstance(n, documented)
    )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_public_is_typed_and_documented(path):
    module = tree(path)
    assert ast.get_docstring(module), "the module has no docstring"
    for name, node in members(module):
        if isinstance(node, FUNCTIONS):
            overload = any("overload" in ast.unparse(d) for d in node.decorator_list)
            assert not untyped(node), f"{name}: not typed: {', '.join(untyped(node))}"
            assert overload or not is_public(name) or ast.get_docstring(node), f"{name} has no docstring"
        elif is_public(name):
            assert ast.get_docstring(node), f"{name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_functions_and_files_are_short(path):
    lines = file_lines(path.read_text(encoding="utf-8"))
    assert lines <= 300, f"{lines} lines of code: two ideas in one file?"
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTIONS):
            assert code_lines(node) <= 50, f"{node.name} has {code_lines(node)} lines of code"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_print_outside_cli(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert "cli" in path.parts, f"line {node.lineno} prints; log it, or return it"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_is_left_to_be_done(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    if path.name != "contracts.py":
        assert not re.search(r"raise NotImplementedError", text)


def texts():
    """Yield the project's own text files, and nothing that was installed or made."""
    made = {"results", "dist", "build", "_build", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = parts[0].startswith(".") and parts[0] not in (".ci", ".gitignore")
        ours = not hidden and not any(p in made or p.endswith(".egg-info") for p in parts)
        if ours and path.is_file() and path.suffix in TEXT:
            yield path


def test_no_path_of_one_machine_and_no_package_index():
    for path in texts():
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in (ELSEWHERE, INDEX_HOST):
            found = pattern.search(text)
            assert found is None, f"{relative(path)} names {text[found.start() : found.end() + 20]!r}"


def test_style_checks_see_what_is_wrong():
    bad = ast.parse("def f(a, *, b: int):\n    '''Doc.'''\n" + "    a += b\n" * 51).body[0]
    assert untyped(bad) == ["a", "return"]
    assert code_lines(bad) == 51
    assert file_lines('"""Doc\nstring."""\n\nx = 1\n') == 2
    assert [
        name for name, _ in members(ast.parse("class A:\n    def f(self): ...\n    def _g(self): ..."))
    ] == [
        "A",
        "A.f",
        "A._g",
    ]
