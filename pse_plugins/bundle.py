"""A trained enhancer in a folder: plain JSON and safetensors, loaded by component names; no pickle, no code.

``config.json`` says what to build and where it comes from, ``model.safetensors`` holds the weights, the frozen
speaker encoder's among them (behind ``speaker_encoder.``). Checksums of both are kept, so that a truncated
download or an edited file is noticed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from pse_runtime.manifest import is_exported
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from . import bundle_components, host
from .api import API_VERSION
from .assembly import build_enhancer, with_defaults
from .enhancer import Enhancer
from .errors import BundleError, nearest
from .resources import share

FORMAT = 1
"""Version of the folder's layout; a newer one is refused."""

DEFAULT = "default"
"""Stands for the bundle that is used when no model is named."""

CONFIG, WEIGHTS = "config.json", "model.safetensors"

_ENCODER = "speaker_encoder."
_log = logging.getLogger(__name__)


def save(enhancer: Enhancer, folder: str | Path, half: bool = False, **record: Any) -> Path:
    """Write an enhancer as a bundle, whole or not at all; an older bundle there is replaced.

    Parameters
    ----------
    enhancer : Enhancer
        Made by `build_enhancer`.
    folder : str or Path
        A new folder, or one that holds a bundle; other files in it are kept.
    half : bool
        Store float16: half the size, rounding each weight to about 3 digits.
    **record
        What else to write down, as JSON can hold it: ``licence`` (of the training data; that of a speaker
        encoder's weights is added), ``training_hash``, ``commit``, ``data``, figures.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BundleError
        If the folder holds something else, cannot be written, or the record is not plain data.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not _replaceable(folder):
        raise BundleError(f"{folder}: exists and is no bundle; choose another folder, or empty it")
    weights = to_bytes({name: _stored(value, half) for name, value in _tensors(enhancer).items()})
    config = _describe(enhancer, weights, half, record)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        _write(part / WEIGHTS, weights)
        _write(part / CONFIG, config)
        _swap(part, folder)
    except OSError as error:
        raise BundleError(
            f"{folder}: cannot write the bundle ({error.strerror}); free some disk space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def load(bundle: str | Path | None = None) -> Enhancer:
    """Read a bundle.

    Parameters
    ----------
    bundle : str, Path or None
        Its folder; None takes what `find_model` finds.

    Returns
    -------
    Enhancer
        In evaluation mode, on the CPU.

    Raises
    ------
    BundleError
        If there is none, if it is truncated, changed or from a newer version, or if a plugin is missing.

    Examples
    --------
    >>> enhancer = load()  # doctest: +SKIP
    >>> enhanced = enhancer.enhance(samples, 44100, [clip])  # doctest: +SKIP
    """
    folder = find_model(bundle)
    config = describe(folder)
    tensors = _read_weights(folder, config["weights"]["sha256"])
    bundle_components.check_plugins(folder, config["plugins"])
    bundle_components.check_components(folder, config)
    enhancer = build_enhancer(bundle_components.own_names(config["enhancer"]))
    encoder = enhancer.speaker_encoder
    try:
        if encoder is not None and config["frozen_encoder"]:
            own = {name.removeprefix(_ENCODER): v for name, v in tensors.items() if name.startswith(_ENCODER)}
            encoder.load_state_dict(own)
            enhancer = Enhancer(enhancer.frontend, enhancer.backbone, encoder.freeze(), enhancer.config)
        enhancer.load_state_dict({name: v for name, v in tensors.items() if not name.startswith(_ENCODER)})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise BundleError(
            f"{folder}: the weights do not fit the installed components ({reason}); install the versions that "
            f"{CONFIG} names, or train again"
        ) from error
    return enhancer.eval()


def describe(folder: str | Path) -> dict[str, Any]:
    """Read and check a bundle's ``config.json``: components, options, versions, licence, training hash.

    Raises
    ------
    BundleError
        If it is missing, damaged, changed, or from a newer version.
    """
    path = Path(folder) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if is_exported(folder):
            raise BundleError(
                f"{folder}: an exported model, which pse stream and pse-stream run; name the bundle that it was made of"
            ) from error
        raise BundleError(
            f"{folder}: no bundle there (no {CONFIG}); training writes one to its output folder, as bundle/"
        ) from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: damaged ({error}); get the bundle again") from error
    version = config.get("format") if isinstance(config, dict) else None
    if not isinstance(version, int):
        raise BundleError(f"{path}: not the description of a bundle; give the folder that training wrote")
    if version > FORMAT:
        raise BundleError(
            f"{folder}: a bundle of format {version}, this version reads {FORMAT}; upgrade: pip install -U pse-plugins"
        )
    if config.pop("sha256", None) != _checksum(config):
        raise BundleError(f"{path}: was changed after it was written; get the bundle again")
    return config


def find_model(bundle: str | Path | None = None) -> Path:
    """Choose the bundle's folder: the one given, or ``PSE_MODEL``, or the one shipped with the package.

    Parameters
    ----------
    bundle : str, Path or None
        Folder of a bundle or of the run that made it. None and ``"default"`` are the model that is used when none is
        named; a folder of that name needs its whole path.

    Raises
    ------
    BundleError
        If there is none.
    """
    named = None if bundle is None or str(bundle) == DEFAULT else bundle
    chosen = named or os.environ.get("PSE_MODEL")
    if chosen:
        if not Path(chosen).is_dir():
            raise BundleError(
                f"{chosen}: no such bundle folder{nearest(str(chosen), [DEFAULT])}; check --model or PSE_MODEL"
            )
        folders = (Path(chosen), Path(chosen) / "bundle")  # the second, where it is the folder of a run
        return next((folder for folder in folders if (folder / CONFIG).is_file()), folders[0])
    shipped = share("models") / DEFAULT
    if (shipped / CONFIG).is_file():
        return shipped
    raise BundleError("no model: run `pse demo` to make one, or name a bundle with --model or PSE_MODEL")


def _tensors(enhancer: Enhancer) -> dict[str, Tensor]:
    """Collect all weights: the enhancer's own, and a frozen encoder's, which its state dict leaves out."""
    tensors = dict(enhancer.state_dict())
    encoder = enhancer.speaker_encoder
    if encoder is not None and encoder.frozen:
        tensors.update({_ENCODER + name: value for name, value in encoder.state_dict().items()})
    return tensors


def _stored(value: Tensor, half: bool) -> Tensor:
    """Copy a tensor for the file; float16 only where every number fits."""
    value = value.detach().cpu().contiguous().clone()
    if half and value.dtype == torch.float32:
        short = value.half()
        return short if bool(short.isfinite().all()) else value
    return value


def _describe(enhancer: Enhancer, weights: bytes, half: bool, record: dict[str, Any]) -> bytes:
    """Write ``config.json``."""
    encoder = enhancer.speaker_encoder
    config = {
        "format": FORMAT,
        "enhancer": bundle_components.full_names(_without_files(with_defaults(enhancer.config))),
        "frozen_encoder": encoder is not None and encoder.frozen,
        "sample_rate": enhancer.sample_rate,
        "versions": {
            "pse-plugins": _own_version(),
            "api": ".".join(map(str, API_VERSION)),
            "torch": str(torch.__version__),
        },
        "plugins": bundle_components.required(enhancer.config),
        "record": {
            **{"training_hash": "", **record},
            "licence": bundle_components.licence(record.get("licence") or "", enhancer.config),
        },
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "float16": half},
    }
    try:
        config = json.loads(json.dumps(config))  # as it will be read
        config["sha256"] = _checksum(config)
        return (json.dumps(config, indent=2) + "\n").encode()
    except TypeError as error:
        raise BundleError(
            f"the bundle's record is not plain data ({error}); give text, numbers, lists"
        ) from error


def _without_files(config: dict[str, Any]) -> dict[str, Any]:
    """Let the encoder be built without its original weights: the bundle holds them."""
    if config["speaker_encoder"] is None or config["conditioner"] is None:
        return config
    factory, _ = host.load("speaker_encoder", config["speaker_encoder"])
    if "weights" not in inspect.signature(factory).parameters:
        return config
    return {**config, "speaker_encoder_options": {**config["speaker_encoder_options"], "weights": None}}


def _read_weights(folder: Path, digest: str) -> dict[str, Tensor]:
    """Read the weights, if they are the ones that the description was written for."""
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); get the bundle again") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise BundleError(f"{path}: truncated, or changed after it was written; get the bundle again")
    try:
        return from_bytes(data)
    except SafetensorError as error:
        raise BundleError(f"{path}: no safetensors file ({error}); get the bundle again") from error


def _checksum(config: dict[str, Any]) -> str:
    """Hash a description, whatever the order and spacing of its JSON."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _own_version() -> str:
    from . import __version__

    return __version__


def _replaceable(folder: Path) -> bool:
    """Tell whether a folder is empty or holds a bundle."""
    return folder.is_dir() and (not any(folder.iterdir()) or (folder / CONFIG).is_file())


def _write(path: Path, data: bytes) -> None:
    """Write a file through to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(new: Path, folder: Path) -> None:
    """Put a finished folder in the place of another, whose other files move over; undone if it fails."""
    if not folder.exists():
        os.replace(new, folder)
        return
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        os.replace(old, folder)
        raise
    for other in old.iterdir():
        if other.name not in (CONFIG, WEIGHTS):
            os.replace(other, folder / other.name)
    shutil.rmtree(old)
