"""``pse enrol``: clips in, a speaker's profile out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._speaker import Device, Model, enrol_speaker, load_model, remark


def command(
    clips: Annotated[list[Path], typer.Argument(help="1 to 5 recordings of nobody but the speaker.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the profile, such as me.profile.")],
    model: Model = None,
    device: Device = "cpu",
) -> None:
    """Make a speaker's profile of 1 to 5 clips; it is accepted wherever --enrol is."""
    from pse_runtime.audio_blocks import SUFFIXES

    from ..errors import AudioError, ConfigError

    if out.suffix.lower() in SUFFIXES or out.is_dir():
        raise AudioError(f"{out}: not a name for a profile; use one such as me.profile")
    enhancer = load_model(model, device)
    profile = enrol_speaker(enhancer, clips) if enhancer.needs_cue else None
    if profile is None:
        raise ConfigError(
            "this model needs no enrolment, and takes no profile: it keeps whoever speaks; give it to pse enhance "
            "or pse stream without --enrol, or enrol with another --model"
        )
    profile.save(out)
    remark(f"wrote {out}: {len(clips)} clip(s), encoder {profile.encoder} {profile.fingerprint}")
