"""What it was measured on: processor, its instruction sets, system, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

_FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "amx": ("amx_int8", "amx_bf16"),
    "neon": ("asimd", "neon"),
    "dotprod": ("asimddp",),
}
_PACKAGES = ("pse-plugins", "pse-runtime", "onnxruntime", "torch", "numpy")


def describe() -> dict[str, Any]:
    """Describe this machine and what is installed.

    Returns
    -------
    dict
        ``processor``, ``cores``, ``instructions`` (those of `instructions`), ``system``, ``python``, ``versions``.
    """
    cpu = _cpuinfo()
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "instructions": instructions(cpu.get("flags") or cpu.get("Features") or ""),
        "system": platform.platform(aliased=True, terse=True),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def instructions(flags: str) -> list[str]:
    """Name the instruction sets that matter to networks, of a processor's flags as Linux lists them.

    Examples
    --------
    >>> instructions("sse avx2 avx512f avx512_vnni")
    ['avx2', 'avx512', 'vnni']
    """
    there = set(flags.split())
    return [name for name, any_of in _FLAGS.items() if there & set(any_of)]


def _cpuinfo() -> dict[str, str]:
    """Read the first core's lines, where Linux has them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = [line.split(":", 1) for line in reversed(lines) if ":" in line]  # so that the first core's stay
    return {key.strip(): value.strip() for key, value in pairs}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
