"""Run an exported personalised speech enhancer live: NumPy and ONNX Runtime, no torch."""

from typing import Any

__all__ = ["load"]
__version__ = "0.1.0"


def load(folder: Any) -> Any:
    """Read an exported enhancer; see `pse_runtime.model.Model`."""
    from .model import Model

    return Model(folder)
