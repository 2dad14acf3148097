"""Train enhancers with SpeechBrain."""

from __future__ import annotations

from .brain import PSEBrain
from .run import run
from .tasks import run_recipe

__all__ = ["PSEBrain", "run", "run_recipe"]
