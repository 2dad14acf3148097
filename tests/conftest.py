"""One thread a process, one seed a test, no window for a plot."""

from __future__ import annotations

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Prepare for hypothesis, which looks at every module once tests are collected."""
    quieten_lazy_modules()


@pytest.fixture(autouse=True)
def seed() -> None:
    """Start each test from the same random numbers; torch is left alone where nobody has imported it."""
    quieten_lazy_modules()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


def quieten_lazy_modules() -> None:
    """Say that SpeechBrain's lazy modules have no file: asked for it, they import, and fail without k2 and others."""
    for module in list(sys.modules.values()):
        if any(c.__module__ == "speechbrain.utils.importutils" for c in type(module).__mro__):
            vars(module).setdefault("__file__", None)
