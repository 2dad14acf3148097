"""What the commands that enhance have in common: the model, its device, and who is enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

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
        "--model", help="Bundle folder; PSE_MODEL or the default model without.", show_default=False
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="CPU threads; a small network gains nothing from more.")
]


def remark(message: str) -> None:
    """Tell the user something on stderr, in one line."""
    typer.echo(f"pse: {message}", err=True)


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
    """Make one profile of clips and profiles, and tell what is wrong with them.

    Returns
    -------
    Profile or None
        None for a model that needs nobody enrolled.

    Raises
    ------
    AudioError
        If somebody must be enrolled and there is no clip, more than 5, or one that cannot be used.
    BundleError
        If a profile is damaged or belongs to another encoder.
    """
    from pse_runtime.profile import MAX_CLIPS, is_profile

    from ..errors import AudioError, BundleError
    from ..profile import Profile

    encoder = enhancer.speaker_encoder
    if not enhancer.needs_cue or encoder is None:
        if paths:
            remark("this model keeps whoever speaks: it needs no --enrol, and does not use it")
        return None
    if not paths:
        raise AudioError(
            f"no enrolment; give 1 to {MAX_CLIPS} clips, --enrol A.wav --enrol B.wav, or a profile"
        )
    name = str(enhancer.config.get("speaker_encoder"))
    profiles = []
    for path in (p for p in paths if is_profile(p)):
        profile = Profile.load(path)
        try:
            enhancer.check_profile(profile)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
        profiles.append(profile)
    clips = [read_clip(p, encoder.sample_rate) for p in paths if not is_profile(p)]
    if clips:
        profile = enhancer.enrol([clip for clip, _ in clips], encoder.sample_rate)
        notes = tuple(note for _, notes in clips for note in notes)
        profiles.append(replace(profile, encoder=name, notes=notes))
    joined = Profile.join(profiles)
    for note in joined.notes:
        remark(note)
    return joined


def read_clip(path: Path, rate: int) -> tuple[np.ndarray, list[str]]:
    """Read an enrolment clip as mono at a rate in Hz, with remarks on it that name the file.

    Raises
    ------
    AudioError
        If it cannot be read or used.
    """
    from pse_runtime.audio import read, resample
    from pse_runtime.clips import assess

    from ..errors import AudioError

    samples, own = read(path)
    try:
        notes = [f"{path}: {note}" for note in assess(samples, own)]
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
    return resample(samples, own, rate), notes
