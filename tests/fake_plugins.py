"""Fake installed distributions: a module and a ``*.dist-info`` folder with its entry points, on ``sys.path``."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pse_plugins.host import get_host

ROOT = Path(__file__).parent.parent
GOOD = """
from pse_plugins import Component, hookimpl
@hookimpl
def pse_conditioners():
    yield Component("{name}", "pse_plugins.conditioners.film:Film", "a copy")
"""


def good(name, **record):
    """Write a plugin that offers FiLM under another name, with other fields of its record."""
    fields = "".join(f", {field}={value!r}" for field, value in record.items())
    return GOOD.format(name=name).replace(', "a copy"', f', "a copy"{fields}')


def put(folder, name, body, version="0.1", entries=None, requires=(), metadata=True):
    """Install a distribution into a folder; ``entries`` are the lines of ``[pse_plugins]``."""
    module = name.replace("-", "_").lower()
    (folder / f"{module}.py").write_text(textwrap.dedent(body))
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    if metadata:
        (info / "METADATA").write_text("\n".join(lines) + "\n")
    entries = [f"main = {module}"] if entries is None else entries
    (info / "entry_points.txt").write_text("\n".join(["[pse_plugins]", *entries]) + "\n")
    return info


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install fake distributions for one test: ``install(name, body, ...)``, as `put`."""
    folder = tmp_path / "site"
    folder.mkdir()
    for variable in ("PSE_PLUGINS", "PSE_BLOCK", "PSE_STRICT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.syspath_prepend(str(folder))

    def add(*args, **options):
        get_host.cache_clear()
        info = put(folder, *args, **options)
        importlib.invalidate_caches()
        return info

    add.folder = folder
    yield add
    get_host.cache_clear()
    for name in [n for n in sys.modules if n.startswith("pse_fake")]:
        del sys.modules[name]


def names(host, kind="conditioner"):
    return [c.name for c in host.components(kind)]


def said(notices):
    return "\n".join(map(str, notices))


def path_with(folder):
    """Give the environment in which the fake distributions of a folder are installed."""
    path = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "",
    }


def pse(folder, *args, **environment):
    """Run ``pse`` in a process of its own, with the fake distributions of a folder installed."""
    env = {**path_with(folder), **environment}
    command = [sys.executable, "-m", "pse_plugins.cli", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, cwd=folder, check=False)
