"""Run an exported personalised speech enhancer live: NumPy and ONNX Runtime, no torch."""

from typing import Any

__all__ = ["Profile", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `Profile` when it is wanted, so that importing the package costs nothing."""
    if name == "Profile":
        from .profile import Profile

        return Profile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(folder: Any) -> Any:
    """Read an exported enhancer; see `pse_runtime.model.Model`."""
    from .model import Model

    return Model(folder)
