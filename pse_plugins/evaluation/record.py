"""What figures depend on: command, list, models, versions, machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..data import TestList
from ..data.manifest import digest
from ..enhancer import Enhancer

_PACKAGES = (
    *("torch", "speechbrain", "numpy", "pystoi", "fast-bss-eval", "pesq"),
    *("jiwer", "pocketsphinx", "openai-whisper"),
)


def circumstances(models: Mapping[str, Enhancer], items: TestList) -> dict[str, Any]:
    """Write down what the figures depend on.

    Parameters
    ----------
    models : mapping
        Enhancers by name.
    items : TestList
        What they are scored on.

    Returns
    -------
    dict
        What JSON can hold.
    """
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "list": items.checksum,
        "items": len(items),
        "speakers": len({plan.speaker for plan in items.plans}),
        "rate": items.rate,
        "models": {name: describe(model) for name, model in models.items()},
        "versions": versions(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "devices": sorted({str(m.frontend.analysis.device) for m in models.values()}),
        },
    }


def describe(model: Enhancer) -> dict[str, Any]:
    """Say which model it is: configuration, hashes of it and of the weights, size, latency in ms if it streams."""
    return {
        "config": model.config,
        "config_hash": digest(model.config),
        "fingerprint": fingerprint(model),
        "parameters": sum(p.numel() for p in model.parameters()),
        "latency_ms": round(1000 * model.latency / model.sample_rate, 2) if _streams(model) else None,
    }


def _streams(model: Enhancer) -> bool:
    return bool(getattr(getattr(model, "backbone", None), "can_stream", True))


def fingerprint(model: Enhancer) -> str:
    """Give a short hash of a model's weights, a frozen encoder's among them."""
    content = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        content.update(name.encode())
        content.update(np.ascontiguousarray(value.detach().float().cpu().numpy()).tobytes())
    if model.speaker_encoder is not None:
        content.update(model.cue_fingerprint().encode())
    return content.hexdigest()[:16]


def versions() -> dict[str, str]:
    """List the versions of what scores depend on."""
    found = {"pse-plugins": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Name the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
