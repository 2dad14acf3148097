"""Personalised speech enhancement with interchangeable parts, on SpeechBrain.

Importing this package imports no torch; it only makes a later ``import torchaudio`` (SpeechBrain's)
survive beside a torch that its extension was not built for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api import API_VERSION, Component, hookimpl
from .compat import install as _install_torchaudio_guard
from .host import build

if TYPE_CHECKING:
    from .bundle import load, save

__version__ = "0.1.0"
__all__ = ["API_VERSION", "Component", "__version__", "build", "hookimpl", "load", "save"]

_install_torchaudio_guard()


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for."""
    if name in ("load", "save"):
        from . import bundle

        return getattr(bundle, name)
    raise AttributeError(f"module 'pse_plugins' has no attribute {name!r}")
