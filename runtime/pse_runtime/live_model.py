"""What live enhancement needs of a model, whether it was exported or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import AudioError, PseError
from .hops import HopStream
from .model import Model


@dataclass(frozen=True)
class LiveModel:
    """A model that streams; profiles are of its own kind.

    Parameters
    ----------
    sample_rate, hop, latency : int
        Rate in Hz; samples of a hop, and of the algorithmic latency.
    needs_cue : bool
        Whether somebody must be enrolled.
    start : callable
        Starts a stream for a profile, or for None.
    read : callable
        Makes one profile of clips and profiles in files.
    enrol : callable
        Makes a profile of a clip ``[S]`` at the model's rate.
    broken : callable
        Gives the error that says what to do when the model gives nothing finite.
    check_enrols : callable
        Raises `PseError` if no profile can be made of clips.
    """

    sample_rate: int
    hop: int
    latency: int
    needs_cue: bool
    start: Callable[[Any], HopStream]
    read: Callable[[Sequence[Path]], Any]
    enrol: Callable[[np.ndarray], Any]
    broken: Callable[[], PseError]
    check_enrols: Callable[[], None] = lambda: None


def live_model(folder: Path) -> LiveModel:
    """Load what ``pse export`` wrote.

    Raises
    ------
    BundleError
        If there is no such folder, or it is not whole.
    """
    from .enrolling import enrol_paths
    from .profile import Profile

    model = Model(folder)
    return LiveModel(
        model.sample_rate,
        model.hop,
        model.latency,
        model.needs_cue,
        start=model.stream,
        read=lambda paths: enrol_paths(model, paths, Profile),
        enrol=lambda clip: model.enrol([clip], model.sample_rate),
        broken=lambda: AudioError(
            "the model gives NaN or infinite samples; export it again, or take another --model"
        ),
        check_enrols=model.check_enrols,
    )
