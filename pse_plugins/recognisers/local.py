"""What recognisers share: a model on this machine, sound at 16 kHz, words in upper case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pse_runtime.audio import resample

from ..errors import ConfigError

RATE = 16000
"""What recognisers hear at, in Hz."""


def find(path: str | Path | None, option: str, what: str) -> Path:
    """Find a part of a recogniser's model on this machine; nothing is ever fetched.

    Parameters
    ----------
    path : str, Path or None
        What the user gave.
    option : str
        The recogniser's option that it was given by.
    what : str
        What has to lie there, with its article, for the message.

    Raises
    ------
    ConfigError
        If no path was given, or nothing lies there.
    """
    if path is None:
        raise ConfigError(f"needs {what}; give its path as the option {option}: {{{option}: PATH}}")
    if not Path(path).exists():
        raise ConfigError(f"{path}: is not there; give the option {option} the path of {what}")
    return Path(path)


def hear(waveform: np.ndarray, rate: int) -> np.ndarray:
    """Give a waveform ``[S]`` at a rate in Hz as float32 at 16 kHz."""
    return np.asarray(resample(np.asarray(waveform, np.float32), rate, RATE), np.float32)


def write(text: str) -> str:
    """Write what was said as recognisers do here: in upper case, one space between words.

    Examples
    --------
    >>> write(" go  forward ten metres ")
    'GO FORWARD TEN METRES'
    """
    return " ".join(text.upper().split())
