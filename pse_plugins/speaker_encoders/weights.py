"""Weights of a speaker encoder in a file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from ..errors import BundleError


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Load weights from ``.safetensors``, or from a file of `torch.save` that holds tensors only.

    Parameters
    ----------
    module : Module
        Takes what it has of the same name and shape; more in the file is not heeded.
    path : str or Path
        The file; a state dict, or a dict that has it under ``"model_state"``.

    Raises
    ------
    BundleError
        If there is no such file, it cannot be read, or it is another model's.
    """
    path = Path(path)
    if not path.is_file():
        raise BundleError(f"{path}: no such file of weights; check the path")
    try:
        saved = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:
        reason = type(error).__name__
        raise BundleError(f"{path}: not a file of weights ({reason}); give another") from error
    saved = saved.get("model_state", saved) if isinstance(saved, dict) else {}
    wanted = module.state_dict()
    kept = {k: saved[k] for k in wanted if getattr(saved.get(k), "shape", None) == wanted[k].shape}
    if len(kept) < len(wanted):
        raise BundleError(
            f"{path}: lacks {', '.join(sorted(set(wanted) - set(kept))[:3])} of an encoder of this size; "
            f"give the file it was trained as, or set the encoder's options as it has them"
        )
    module.load_state_dict(kept)
