"""The exported folder: graphs and their manifest, written whole or not at all."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pse_runtime import manifest
from pse_runtime.manifest import Manifest, Spec

from .. import bundle_components
from ..contracts import StateSpec
from ..enhancer import Enhancer
from ..errors import BundleError, ConfigError
from .costs import costs
from .graphs import write_encoder, write_prepare, write_step
from .parity import Parity, compare
from .tracing import OPSET, need_exporter


def export(
    enhancer: Enhancer,
    folder: str | Path,
    int8: bool = False,
    clip_seconds: float = 10.0,
    encoder: bool = True,
    about: Mapping[str, Any] = {},
) -> tuple[Manifest, Parity]:
    """Write an enhancer as ONNX graphs that map one hop to the next: audio, prepared cue and state in and out.

    They are run beside the model before they take the folder's place.

    Parameters
    ----------
    enhancer : Enhancer
        One that streams.
    folder : str or Path
        A new folder, or one that holds an exported model, which is replaced.
    int8 : bool
        Quantise the weights of matrix products, unsigned and per column.
    clip_seconds : float
        Length that enrolment clips are filled up to; what is longer is cut.
    encoder : bool
        Whether the speaker encoder goes with it. Without it, speakers come as profiles that ``pse enrol`` made.
    about : mapping
        What else to write down, as JSON can hold it.

    Returns
    -------
    tuple of (Manifest, Parity)
        What was written, and how like the model it is.

    Raises
    ------
    ConfigError
        If it cannot stream, ``onnx`` is not installed, or a part cannot be exported; with the reason.
    BundleError
        If the graphs do not do what the model does, the folder holds something else, or cannot be written.
    """
    need_exporter()
    if not enhancer.backbone.can_stream:
        raise ConfigError(
            f"backbone {enhancer.config.get('backbone')!r} cannot stream: it has no step to export"
        )
    folder = Path(folder).absolute()
    if folder.exists() and not _replaceable(folder):
        raise BundleError(f"{folder}: exists and is no exported model; choose another folder, or empty it")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        made = _write(enhancer, part, int8, clip_seconds if encoder else 0.0, about)
        parity = compare(enhancer, part)
        parity.check(int8)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(part, folder)
    except OSError as error:
        raise BundleError(
            f"{folder}: cannot write there ({error.strerror}); free some disk space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return made, parity


def _write(
    enhancer: Enhancer, folder: Path, int8: bool, clip_seconds: float, about: Mapping[str, Any]
) -> Manifest:
    """Trace every graph into a folder."""
    own = copy.deepcopy(enhancer).cpu().float().eval()
    enrolment = write_encoder(own, folder, clip_seconds) if own.needs_cue else None
    branches = own.backbone.branches()
    steps, prepares, states = [], [], []
    for k, branch in enumerate(branches):
        number = f"_{k}" if len(branches) > 1 else ""
        one = Enhancer(own.frontend, branch, own.speaker_encoder, own.config)
        states.append([_spec(s) for s in one.state_spec() if 0 not in s.shape])
        prepares.append(write_prepare(one, folder / f"prepare{number}.onnx"))
        steps.append(write_step(one, folder / f"step{number}.onnx", int8))
    choice = own.backbone.selection() or {}
    roles = {name: role for role in ("own", "mixed") for name in choice.get(role, ())}
    found = Manifest(
        sample_rate=own.sample_rate,
        hop=own.frontend.hop,
        latency=own.latency,
        steps=steps,
        prepares=prepares,
        state=[replace(spec, role=_role(spec.name, roles)) for spec in states[0]],
        precision="int8" if int8 else "float32",
        opset=OPSET,
        enrolment=enrolment,
        policy=choice.get("policy"),
        votes=f"backbone.{choice['votes']}" if choice else "",
        about={
            **_versions(),
            **costs(own, folder / steps[0]),
            "enhancer": bundle_components.full_names(own.config),
            **about,
        },
    )
    found.write(folder)
    return manifest.read(folder)


def _role(name: str, roles: Mapping[str, str]) -> str:
    """Say whose a state is: a specialist's own, a sum that masks enter, or everybody's."""
    if name == "frontend.overlap":
        return "mixed" if roles else "shared"
    parts = [p for p in roles if name == f"backbone.{p}" or name.startswith(f"backbone.{p}.")]
    return roles[parts[0]] if parts else "shared"


def _spec(spec: StateSpec) -> Spec:
    """Describe a state with its batch of one."""
    dtype = str(np.dtype(str(spec.dtype or torch.float32).removeprefix("torch.")))
    return Spec(spec.name, (1, *spec.shape), dtype, float(spec.init), spec.update)


def _versions() -> dict[str, str]:
    from .. import __version__

    return {"pse-plugins": __version__, "torch": str(torch.__version__)}


def _replaceable(folder: Path) -> bool:
    """Tell whether a folder is empty or holds an exported model and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    return not names or (
        manifest.NAME in names
        and all(n == manifest.NAME or n.endswith((".onnx", ".safetensors")) for n in names)
    )
