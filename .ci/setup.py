"""Make .venv ready for the Makefile: torch first, then the project, then what may fail.

Plain Python, no dependencies: `python3 .ci/setup.py`. Does nothing when nothing has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "pse-setup"
TESTED_TORCH = "torch==2.13.0"
ANY_TORCH = os.environ.get("TORCH", "") == "any"
OPTIONAL = {
    "the pretrained d-vector's weights": ["--no-deps", "resemblyzer>=0.1.4"],  # its own needs want a compiler
    "PESQ (needs a C compiler)": ["pesq>=0.0.4"],
}


def main() -> None:
    """Do what is missing, in order; each step says what it does."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        stop(
            f"Python {sys.version.split()[0]} is not supported; run make with PYTHON=python3.12 (3.10 to 3.13)"
        )
    if STAMP.is_file() and STAMP.read_text() == fingerprint():
        return
    if not works(PYTHON, "-m", "pip", "--version"):
        make_venv()
    pip("--upgrade", "pip", needed=False)  # a new pip reads a wheel's metadata without fetching the wheel
    install_torch()
    constraint = VENV / "constraints.txt"
    constraint.write_text(f"torch=={torch_version()}\n")
    say("installing the project")
    pip("-c", str(constraint), "-e", str(ROOT / "runtime"), "-e", f"{ROOT}[dev]")
    for what, arguments in OPTIONAL.items():
        if not pip("-c", str(constraint), *arguments, needed=False):
            say(f"skipped {what}: it could not be installed here; everything else works without it")
    STAMP.write_text(fingerprint())
    say("ready: .venv/bin/pse")


def fingerprint() -> str:
    """Hash what decides the environment's contents."""
    projects = [(ROOT / part / "pyproject.toml").read_bytes() for part in (".", "runtime")]
    parts = [*projects, Path(__file__).read_bytes(), sys.version.encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def make_venv() -> None:
    """Create the environment, also where Python came without ensurepip (as on Debian)."""
    say("creating .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    if works(sys.executable, "-m", "venv", str(VENV)):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    made = works(sys.executable, "-m", "venv", "--without-pip", str(VENV))
    if not (
        made and works(sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip")
    ):
        shutil.rmtree(VENV, ignore_errors=True)
        stop(
            "this Python makes no virtual environment: ensurepip is missing; install python3-venv, or pip >= 22.3"
        )


def install_torch() -> None:
    """Install torch in its CPU build, unless there is one, a GPU to use, or leave to take any."""
    if torch_version():
        return
    choice = "torch" if ANY_TORCH or works("nvidia-smi") else small_torch()
    say(f"installing {choice}")
    pip(choice)


def small_torch() -> str:
    """Choose the torch that pip would install without gigabytes of GPU libraries, or stop and say what to do."""
    for requirement in (TESTED_TORCH, "torch"):
        names = would_install(requirement)
        if names and not any(name.startswith(("nvidia-", "cuda-")) for name in names):
            return requirement
    stop(
        "pip offers only a torch with several GB of GPU libraries, and this machine has no NVIDIA GPU. "
        "Either install a CPU build with .venv/bin/pip, as pytorch.org says, and run make again; "
        "or accept it: make setup TORCH=any"
    )


def would_install(requirement: str) -> list[str]:
    """Ask pip which packages it would install; empty if it finds none."""
    command = [PYTHON, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", requirement]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        return []
    return [item["metadata"]["name"].lower() for item in json.loads(answer.stdout)["install"]]


def torch_version() -> str:
    """Give the version of the torch in .venv; empty if there is none."""
    code = "from importlib.metadata import version; print(version('torch'))"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def pip(*arguments: str, needed: bool = True) -> bool:
    """Install with the environment's pip; stop with its last words if that fails and is needed."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode and needed:
        errors = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")]
        stop(f"pip install {' '.join(arguments)} failed: {' '.join(errors[-2:]) or answer.stderr[-300:]}")
    return answer.returncode == 0


def works(*command: str | Path) -> bool:
    """Tell whether a command can be run and ends well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    """Tell the user one thing."""
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


def stop(text: str) -> None:
    """End with one line and exit code 1."""
    sys.exit(f"setup: {text}")


if __name__ == "__main__":
    main()
