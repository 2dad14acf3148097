"""What pytest finds wherever pse-plugins is installed: fixtures for tests of plugins. It imports nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def pse_voice() -> Callable[..., Any]:
    """Make signals that are alike to speech: ``pse_voice(rate, pitch=120.0, seconds=2.0)``, float32 ``[S]``."""
    from .testing.array_rigs import speech_like

    return speech_like


@pytest.fixture
def pse_enhancer() -> Callable[..., Any]:
    """Build small random enhancers: ``pse_enhancer(conditioner="mine")``; see `pse_plugins.testing.small_enhancer`."""
    from .testing.integration import small_enhancer

    return small_enhancer


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Prepare for hypothesis, which looks at every module once the tests are collected."""
    quieten_lazy_modules()


def pytest_runtest_setup() -> None:
    """Prepare for hypothesis again: a test may have imported more."""
    quieten_lazy_modules()


def quieten_lazy_modules() -> None:
    """Say that SpeechBrain's lazy modules have no file: asked for it, they try to import what is absent."""
    for module in list(sys.modules.values()):
        if any(c.__module__ == "speechbrain.utils.importutils" for c in type(module).__mro__):
            vars(module).setdefault("__file__", None)
