"""Train enhancers with SpeechBrain."""

from __future__ import annotations

from .brain import PSEBrain
from .run import run

__all__ = ["PSEBrain", "run"]
