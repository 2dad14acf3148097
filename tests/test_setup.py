"""Set-up takes a small torch or none, says why it stops, and does nothing twice."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CPU = ["torch", "sympy", "networkx"]
GPU = [*CPU, "nvidia-cublas", "triton"]


@pytest.fixture
def setup(monkeypatch):
    spec = importlib.util.spec_from_file_location("pse_setup", ROOT / ".ci" / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "torch_version", lambda: "")
    monkeypatch.setattr(module, "works", lambda *command: False)  # no nvidia-smi
    return module


@pytest.fixture
def installed(setup, monkeypatch):
    asked = []
    monkeypatch.setattr(setup, "pip", lambda *arguments, needed=True: asked.append(arguments) or True)
    return asked


def offer(monkeypatch, setup, tested, newest):
    monkeypatch.setattr(
        setup, "would_install", lambda requirement: newest if requirement == "torch" else tested
    )


def test_tested_cpu_build_is_taken(setup, installed, monkeypatch):
    offer(monkeypatch, setup, CPU, GPU)
    setup.install_torch()
    assert installed == [(setup.TESTED_TORCH,)]


def test_newest_is_taken_where_it_is_small(setup, installed, monkeypatch):
    offer(monkeypatch, setup, [], CPU)
    setup.install_torch()
    assert installed == [("torch",)]


@pytest.mark.parametrize("tested", [[], GPU])
def test_gigabytes_are_refused_in_one_line_with_two_remedies(setup, installed, monkeypatch, tested):
    offer(monkeypatch, setup, tested, GPU)
    with pytest.raises(SystemExit, match="pytorch.org") as stopped:
        setup.install_torch()
    assert "TORCH=any" in str(stopped.value) and "\n" not in str(stopped.value)
    assert installed == []


def test_torch_that_is_there_stays(setup, installed, monkeypatch):
    offer(monkeypatch, setup, GPU, GPU)
    monkeypatch.setattr(setup, "torch_version", lambda: "2.14.0+cpu")
    setup.install_torch()
    assert installed == []


def test_user_may_take_any(setup, installed, monkeypatch):
    offer(monkeypatch, setup, GPU, GPU)
    monkeypatch.setattr(setup, "ANY_TORCH", True)
    setup.install_torch()
    assert installed == [("torch",)]


def test_unsupported_python_is_refused(setup, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"3\.10 to 3\.13"):
        setup.main()


def test_nothing_is_done_twice(setup, installed, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(setup, "make_venv", lambda: pytest.fail("set up again"))
    setup.STAMP.write_text(setup.fingerprint())
    setup.main()
    assert installed == []


def test_missing_ensurepip_is_said(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "VENV", tmp_path / "venv")
    with pytest.raises(SystemExit, match="ensurepip is missing"):
        setup.make_venv()


@pytest.mark.slow
def test_fresh_copy_sets_up_and_lists_its_parts(tmp_path):
    """What `make setup` does on a clone, with this Python; it needs pip to find torch in its CPU build."""
    for name in ("pse_plugins", "runtime", "hparams", "models", "recipes", ".ci"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, tmp_path / ".ci" / "setup.py"], check=True)
    pse = tmp_path / ".venv" / "bin" / "pse"
    listed = subprocess.run(
        [pse, "plugins", "--all", "--json"], check=True, capture_output=True, text=True, cwd="/"
    ).stdout
    assert "cross-attention" in listed
    code = "import pse_plugins; import speechbrain; print(pse_plugins.build('loss', 'si-sdr'))"
    python = tmp_path / ".venv" / "bin" / "python"
    assert "SiSdr" in subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
