"""One thread a process, one seed a test, no window for a plot."""

from __future__ import annotations

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def seed() -> None:
    """Start each test from the same random numbers; torch is left alone where nobody has imported it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
