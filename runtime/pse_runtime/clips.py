"""What enrolment clips are good for: how much speech, how noisy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .audio import check as check_audio
from .energy import FRAME, energies
from .errors import AudioError

_LEAST_SPEECH, _ENOUGH_SPEECH = 0.3, 1.0  # seconds
_SILENCE, _SPEECH_RANGE = -70.0, 30.0  # dBFS; dB below the loud frames that still count as speech
_STEADY, _NOISY = 3.0, 12.0  # dB between loud and quiet frames


def check_clips(clips: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return enrolment clips as float32 ``[S]`` each; a single array is one clip.

    Raises
    ------
    AudioError
        If there is none, or one is empty, not finite or of several channels.
    """
    several = [clips] if isinstance(clips, np.ndarray) and clips.ndim == 1 else clips
    if len(several) == 0:
        raise AudioError("no enrolment clip; give 1 to 5 clips of the target speaker's voice")
    return [check_audio(clip, f"enrolment clip {i + 1}") for i, clip in enumerate(several)]


def assess(clip: np.ndarray, rate: int) -> list[str]:
    """Judge an enrolment clip.

    Speech is taken to be the 10 ms frames within 30 dB of the loud ones; the distance between loud frames
    (95th percentile) and quiet ones (10th) tells how noisy the clip is.

    Parameters
    ----------
    clip : ndarray
        Waveform ``[S]``.
    rate : int
        Its rate in Hz.

    Returns
    -------
    list of str
        Remarks: little speech, noisy, clipped. Empty for a good clip.

    Raises
    ------
    AudioError
        If it holds less than 0.3 s of speech, or a steady sound instead of speech.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> assess(0.1 * rng.standard_normal(8000) * (np.arange(8000) % 4000 < 3000), 8000)
    ['only 0.8 s of speech; 3 s or more is better']
    """
    clip = check_audio(clip, "the enrolment clip")
    seconds = len(clip) / rate
    if seconds < _LEAST_SPEECH:
        raise AudioError(f"an enrolment clip of {seconds:.2f} s is too short; record at least 3 s of speech")
    levels = 10 * np.log10(energies(clip, rate) + 1e-12)  # dBFS, a frame of 10 ms each
    loud = levels[levels > _SILENCE]
    if len(loud) * FRAME < _LEAST_SPEECH:
        raise AudioError("an enrolment clip is silent; record at least 3 s of speech, louder than -70 dBFS")
    top, floor = np.percentile(loud, 95), np.percentile(levels, 10)
    if top - floor < _STEADY:
        raise AudioError(
            "an enrolment clip holds a steady sound and no speech; record at least 3 s of speech"
        )
    speech = float(np.count_nonzero(levels > max(top - _SPEECH_RANGE, _SILENCE))) * FRAME
    if speech < _LEAST_SPEECH:
        raise AudioError(f"an enrolment clip holds {speech:.2f} s of speech; record at least 3 s")
    notes = [f"only {speech:.1f} s of speech; 3 s or more is better"] if speech < _ENOUGH_SPEECH else []
    if top - floor < _NOISY:
        notes.append(f"noisy: {top - floor:.0f} dB between speech and background; record in a quieter place")
    if _clipped(clip):
        notes.append("clipped: lower the recording level")
    return notes


def _clipped(clip: np.ndarray) -> bool:
    """Tell whether the wave has flat tops: at least 20 places with three samples in a row at the peak."""
    top = np.abs(clip) >= 0.999 * np.abs(clip).max()
    return int(np.count_nonzero(top[:-2] & top[1:-1] & top[2:])) >= 20
