"""What the commands that enhance have in common: the model, its device, and who is enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from pse_runtime.say import remark

__all__ = ["Device", "Enrol", "Model", "Threads", "enrol_speaker", "load_model", "remark"]

if TYPE_CHECKING:
    from ..enhancer import Enhancer
    from ..profile import Profile

Enrol = Annotated[
    list[Path] | None,
    typer.Option(
        "--enrol", help="Clip of the speaker to keep, or a profile; repeat for more.", show_default=False
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Bundle folder; PSE_MODEL or the default model without, or as 'default'.",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="CPU threads; a small network gains nothing from more.")
]


def load_model(model: Path | None, device: str, threads: int = 1) -> Enhancer:
    """Load a bundle onto a device, and let torch have so many threads.

    Raises
    ------
    BundleError
        If there is no such bundle or it is not whole.
    ConfigError
        If there is no such device.
    """
    import torch

    from .. import bundle
    from ..errors import ConfigError

    torch.set_num_threads(threads)  # its own choice waits for every core, and stalls on a busy machine
    enhancer = bundle.load(model)
    try:
        return enhancer.to(device)
    except (
        Exception
    ) as error:  # torch has no common type for a device that is misspelt, missing or not built in
        reason = shorten(str(error) or type(error).__name__, 80)
        raise ConfigError(f"no device {device!r} here ({reason}); use --device cpu") from error


def enrol_speaker(enhancer: Enhancer, paths: Sequence[Path]) -> Profile | None:
    """Make one profile of clips and profiles; errors and remarks as those of `pse_runtime.enrolling.enrol_paths`."""
    from pse_runtime.enrolling import enrol_paths

    from ..profile import Profile

    return enrol_paths(enhancer, paths, Profile)
