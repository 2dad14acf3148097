"""A fresh process up to a bundle's first hop: ``python -m pse_plugins.bench.first_hop BUNDLE``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pse_runtime.bench_exported import CUE_FRAMES
from pse_runtime.bench_start import first_hop


def ready(folder: str) -> tuple[Callable[[Any], Any], int]:
    """Load a bundle, and start a stream for somebody made up; gives what takes a hop, and the samples in it."""
    import torch

    from .. import bundle
    from ..export.parity import somebody

    torch.set_num_threads(1)
    enhancer = bundle.load(folder)
    return enhancer.stream(somebody(enhancer, frames=CUE_FRAMES)).feed, enhancer.frontend.hop


if __name__ == "__main__":
    first_hop(lambda: ready(sys.argv[1]))
