"""A trained enhancer as ONNX graphs that run without torch: one hop of samples in, one hop of samples out."""

from .folder import export

__all__ = ["export"]
