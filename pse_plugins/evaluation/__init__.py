"""Score enhancers on fixed lists, and report what came out."""

from __future__ import annotations

from .results import Results
from .run import evaluate

__all__ = ["Results", "evaluate"]
