"""The packages in ``examples/`` are whole: consistent, installable, listed, and pass their own tests once installed."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from environments import make_environment  # noqa: F401 - a fixture
from test_style import FUNCTIONS, code_lines, is_public, members, untyped

from pse_plugins.api import KINDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
by_name = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


def project(example):
    return tomllib.loads((example / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def package(example):
    return example.name.replace("-", "_")


def offers(example, monkeypatch):
    """Give (kind, component) of what a package's hooks yield, without installing it."""
    room = fresh(package(example), example, monkeypatch)
    hooks = [(kind, getattr(room, hook, list)) for kind, hook in KINDS.items()]
    return [(kind, component) for kind, hook in hooks for component in hook()]


def fresh(module, example, monkeypatch):
    """Import a module of a package from its folder, whatever is installed."""
    monkeypatch.syspath_prepend(str(example))
    for name in [name for name in sys.modules if name.partition(".")[0] == package(example)]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module(module)


def test_there_are_examples():
    assert {"pse-gain", "pse-cln", "pse-tcn", "pse-tf-map"} <= {path.name for path in EXAMPLES}


@by_name
def test_pyproject_names_package_and_plugin(example):
    about = project(example)
    assert about["name"] == example.name
    assert about["dependencies"] == ["pse-plugins>=0.1,<0.2"]
    assert about["optional-dependencies"]["test"] == ["pse-plugins[testing]"]
    assert about["entry-points"] == {"pse_plugins": {example.name.removeprefix("pse-"): package(example)}}
    assert (example / package(example) / "__init__.py").is_file()


@by_name
def test_init_only_lists(example):
    module = ast.parse((example / package(example) / "__init__.py").read_text(encoding="utf-8"))
    hooks = [node.name for node in module.body if isinstance(node, FUNCTIONS)]
    others = [node for node in module.body[1:] if not isinstance(node, FUNCTIONS)]
    assert set(hooks) <= set(KINDS.values())
    assert all(isinstance(node, ast.ImportFrom) for node in others)
    assert {node.module.partition(".")[0] for node in others} <= {"__future__", "collections", "pse_plugins"}


@by_name
def test_what_is_listed_is_there_and_explained(example, monkeypatch):
    readme = (example / "README.md").read_text(encoding="utf-8")
    assert 25 <= len(readme.splitlines()) <= 40
    assert "pytest tests" in readme
    found = offers(example, monkeypatch)
    assert found
    for kind, component in found:
        module, _, name = component.factory.partition(":")
        factory = getattr(importlib.import_module(module), name)
        assert factory.__module__ == module
        assert component.summary
        assert f"`{component.name}`" in readme
        assert f"{kind}: {component.name}" in readme


@by_name
def test_house_style_and_doctests(example, monkeypatch):
    for path in sorted((example / package(example)).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree)
        for name, node in members(tree):
            assert not is_public(name) or ast.get_docstring(node), f"{name} has no docstring"
            if isinstance(node, FUNCTIONS):
                assert not untyped(node), f"{name}: not typed: {', '.join(untyped(node))}"
                assert code_lines(node) <= 50
        name = package(example) if path.stem == "__init__" else f"{package(example)}.{path.stem}"
        assert doctest.testmod(fresh(name, example, monkeypatch)).failed == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install an example in a folder of its own, once: a virtual environment without the wait."""
    pytest.importorskip("hatchling", reason="examples are built with hatchling: pip install hatchling")
    folder = tmp_path_factory.mktemp("site")

    def install(example):
        target = folder / example.name
        if not target.exists():
            quiet = ["-q", "--disable-pip-version-check"]
            alone = ["--no-index", "--no-deps", "--no-build-isolation"]
            run("-m", "pip", "install", *quiet, *alone, "--target", str(target), str(example), cwd=folder)
        return str(target)

    return install


def run(*words, cwd, paths=()):
    """Run Python with these folders to import from, and give what it says."""
    search = os.pathsep.join([*paths, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": search, "PSE_STRICT": "1"}
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@by_name
def test_installed_it_is_listed_with_provider_and_version(example, site, tmp_path, monkeypatch):
    listed = json.loads(
        run("-m", "pse_plugins.cli", "plugins", "--json", cwd=tmp_path, paths=[site(example)])
    )
    provider = f"{example.name} {project(example)['version']}"
    mine = {(row["kind"], row["name"]) for row in listed["components"] if row["provider"] == provider}
    assert mine == {(kind, component.name) for kind, component in offers(example, monkeypatch)}
    assert listed["failures"] == []


@pytest.mark.slow
@by_name
def test_installed_it_passes_its_own_tests(example, site, tmp_path):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", str(example / "tests"))
    said = run(*words, cwd=tmp_path, paths=[site(example)])
    assert " skipped" not in said


@pytest.mark.slow
def test_examples_work_together(site, tmp_path):
    """Conditioners of three packages stand in the backbone of a fourth, or before it."""
    code = (
        "from pse_plugins.testing import examine, integrate\n"
        "tiny = dict(repeats=1, layers=2, channels=6, hidden=8)\n"
        "for name in ('gain', 'cln'):\n"
        "    for result in examine('backbone', 'tcn', conditioner=name, **tiny):\n"
        "        assert result.ok, (name, result)\n"
        "together = dict(conditioner='tf-map', speaker_encoder='spectrum', backbone_options=tiny)\n"
        "for result in integrate('backbone', 'tcn', **together):\n"
        "    assert result.ok, result\n"
    )
    run("-c", code, cwd=tmp_path, paths=[site(example) for example in EXAMPLES])


@pytest.mark.slow
def test_examples_are_exported_as_built_in_parts_are(site, tmp_path):
    code = (
        "import torch\n"
        "from pse_plugins.assembly import build_enhancer\n"
        "from pse_plugins.export import export\n"
        "tiny = dict(repeats=1, layers=2, channels=6, hidden=8)\n"
        "encoder = dict(speaker_encoder='gru-siamese', speaker_encoder_options=dict(hidden=6))\n"
        "spectral = dict(speaker_encoder='spectrum', conditioner='tf-map')\n"
        "frontend = dict(frontend_options=dict(frame=64, hop=32))\n"
        "for parts in (\n"
        "    dict(conditioner='gain', backbone_options=dict(hidden=8), **encoder),\n"
        "    dict(conditioner='cln', backbone_options=dict(hidden=8), **encoder),\n"
        "    dict(conditioner='film', backbone='tcn', backbone_options=tiny, **encoder),\n"
        "    dict(backbone_options=dict(hidden=8), **spectral),\n"
        "):\n"
        "    torch.manual_seed(0)\n"
        "    made = build_enhancer({**frontend, **parts}).eval()\n"
        "    manifest, parity = export(made, 'live', clip_seconds=1.0)\n"
        "    assert manifest.enrolment.graph, manifest.enrolment.reason\n"
        "    assert parity.difference < 2e-5, parity\n"
    )
    run("-c", code, cwd=tmp_path, paths=[site(example) for example in EXAMPLES])


@pytest.mark.slow
def test_it_installs_into_an_environment_of_its_own_as_its_readme_says(environment, tmp_path):
    package = tmp_path / "pse-gain"
    shutil.copytree(ROOT / "examples" / "pse-gain", package)
    readme = (package / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    said = ""
    for block in blocks:
        done = subprocess.run(
            ["bash", "-ec", block], cwd=package, env=environment, capture_output=True, text=True, timeout=300
        )
        said += done.stdout
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.search(r"gain +pse-gain 0\.1\.0", said)
