"""Weights of a speaker encoder in a file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
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


_KNOWN = {"resemblyzer": "Resemblyzer (Apache-2.0)"}


def licence_of(weights: str | Path) -> str:
    """Say whose weights these are and under what licence, as far as that can be known.

    Parameters
    ----------
    weights : str or Path
        What an encoder's option ``weights`` names: a package, a file or a folder.

    Returns
    -------
    str
        What a ``.safetensors`` file says of itself under ``"licence"``, as those that a training leaves do.

    Examples
    --------
    >>> licence_of("resemblyzer"), licence_of("voices/encoder.pt")
    ('Resemblyzer (Apache-2.0)', 'encoder.pt (licence not stated)')
    """
    if str(weights) in _KNOWN:
        return _KNOWN[str(weights)]
    path, said = Path(weights), ""
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                said = (file.metadata() or {}).get("licence", "")
        except (OSError, SafetensorError):
            said = ""  # gone since it was loaded
    return said or f"{path.name} (licence not stated)"
