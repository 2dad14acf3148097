"""Weights of a speaker encoder in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import BundleError

OPTIONS = "speaker_encoder_options"
"""Under what a file says with which options it was trained."""

T = TypeVar("T")


def load_weights(module: nn.Module, path: str | Path, **heard: Any) -> None:
    """Load weights from ``.safetensors``, or from a file of `torch.save` that holds tensors only.

    Parameters
    ----------
    module : Module
        Takes what it has of the same name and shape; more in the file is not heeded.
    path : str or Path
        The file; a state dict, or a dict that has it under ``"model_state"``.
    **heard
        Options of the encoder that change what it hears, not its size; a file that says under which it was trained
        must say the same.

    Raises
    ------
    BundleError
        If there is no such file, it cannot be read, or it is another model's.
    """
    path = Path(path)
    if not path.is_file():
        raise BundleError(f"{path}: no such file of weights; check the path")
    for name, trained in _said(path, OPTIONS, dict).items():
        if name in heard and heard[name] != trained:
            raise BundleError(
                f"{path}: was trained with {name}: {json.dumps(trained)}; set it so among the encoder's options"
            )
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
    path = Path(weights)
    return _said(path, "licence", str) or f"{path.name} (licence not stated)"


def save_weights(module: nn.Module, path: Path, options: Mapping[str, Any], licence: str) -> None:
    """Save an encoder's weights as ``.safetensors``, with its options and the licence of what it was trained on."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    save_file(tensors, path, {"licence": licence, OPTIONS: json.dumps(options)})


def _said(path: Path, what: str, kind: type[T]) -> T:
    """Read what a ``.safetensors`` file says of itself; nothing where it does not, or cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            said = (file.metadata() or {}).get(what, "")
        found = said if kind is str else json.loads(said or "null")
    except (OSError, SafetensorError, ValueError):
        return kind()
    return found if isinstance(found, kind) else kind()
