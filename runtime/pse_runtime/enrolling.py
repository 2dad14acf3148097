"""Who is enrolled: clips and profiles named on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from .audio import read
from .errors import AudioError, BundleError
from .profile import MAX_CLIPS, Profile, is_profile
from .say import remark

Made = TypeVar("Made", bound=Profile)


class Enroller(Protocol[Made]):
    """A model that speakers are enrolled with."""

    @property
    def needs_cue(self) -> bool:
        """Whether somebody must be enrolled."""

    def enrol(self, clips: Sequence[np.ndarray], rate: int) -> Made:
        """Make a profile of clips ``[S]`` at a rate in Hz."""

    def check_profile(self, profile: Made) -> None:
        """Raise `BundleError` if a profile is another encoder's."""


def enrol_paths(model: Enroller[Made], paths: Sequence[Path], kind: type[Made]) -> Made | None:
    """Make one profile of clips and profiles, and tell what is wrong with them.

    Parameters
    ----------
    model : Enroller
        Whose encoder it is for.
    paths : sequence of Path
        Recordings of any rate and format, and profiles.
    kind : type
        The profiles' class.

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
    if not model.needs_cue:
        if paths:
            remark("this model keeps whoever speaks: it needs no --enrol, and does not use it")
        return None
    if not paths:
        raise AudioError(
            f"no enrolment; give 1 to {MAX_CLIPS} clips, --enrol A.wav --enrol B.wav, or a profile"
        )
    joined = kind.join([_one(model, path, kind) for path in paths])
    for note in joined.notes:
        remark(note)
    return joined


def _one(model: Enroller[Made], path: Path, kind: type[Made]) -> Made:
    """Read a profile, or make one of a clip; what is said of it names the file."""
    if is_profile(path):
        profile = kind.load(path)
        try:
            model.check_profile(profile)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
        return profile
    clip, rate = read(path)
    try:
        profile = model.enrol([clip], rate)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
    return replace(profile, notes=tuple(f"{path}: {n.removeprefix('clip 1: ')}" for n in profile.notes))
