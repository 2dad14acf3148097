"""What a mixture is made of, as plain records: drawn at random in training, read from a file in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .pools import ClipRef


@dataclass(frozen=True)
class Part:
    """One sound in a mixture.

    Parameters
    ----------
    kind : {"speech", "noise", "white"}
        The pool it comes from; white noise is made, from the seed in ``start``.
    id : str
        The recording; empty for white noise.
    start, length : int
        The stretch of the recording, in samples at the mixture's rate.
    at : int
        Where in the mixture it begins, in samples.
    gain : float
        Linear factor.
    tone : float
        Coefficient of the first-order filter that it passes, by the law's ``tilt``: above 0 duller, below 0 brighter.
    room : float
        Reverberation time in seconds of the room that it is heard in; 0 for none. Reflections are made from the
        seed in ``start``.
    floor : float
        Level of the recording's own steady noise in dB below the active voice; 0 for none. It is made from the seed in
        ``start``, and belongs to the sound: what is wanted of a target has its own, and so have its enrolment clips.
    colour : float
        Coefficient of the leaky sum that makes it, from 0, white, towards 1, a rumble.
    """

    kind: Literal["speech", "noise", "white"]
    id: str
    start: int
    length: int
    at: int = 0
    gain: float = 1.0
    tone: float = 0.0
    room: float = 0.0
    floor: float = 0.0
    colour: float = 0.0

    def at_gain(self, gain: float) -> Part:
        """Give the same part with another gain."""
        return replace(self, gain=gain)


@dataclass(frozen=True)
class Plan:
    """Everything needed to make one mixture again, bit by bit.

    Parameters
    ----------
    id : str
        Its name.
    scenario : str
        ``"ambient"``, ``"babble"``, ``"talkers"``, ``"both"``, ``"clean"`` or ``"absent"``.
    snr : float
        Active target over active interference, in dB; of what the target would be, where it is absent.
    speaker : str
        The target voice.
    target : Part
        Its length is the mixture's.
    interferers : tuple of Part
        Everything else.
    clips, wrong_clips : tuple of ClipRef
        Enrolment of the target, and of somebody else.
    """

    id: str
    scenario: str
    snr: float
    speaker: str
    target: Part
    interferers: tuple[Part, ...]
    clips: tuple[ClipRef, ...]
    wrong_clips: tuple[ClipRef, ...]

    def with_gains(self, gains: Sequence[float]) -> Plan:
        """Give the same plan with the gains of the target and of each interferer."""
        parts = tuple(part.at_gain(g) for part, g in zip(self.interferers, gains[1:], strict=True))
        target = self.target.at_gain(gains[0])
        same = (self.id, self.scenario, self.snr, self.speaker)
        return Plan(*same, target, parts, self.clips, self.wrong_clips)


@dataclass(frozen=True)
class Mixture:
    """One item: a mixture, what is wanted of it, and clips to know the wanted voice by.

    Parameters
    ----------
    id, scenario, snr, speaker : str, str, float, str
        As in `Plan`.
    mixture, target : ndarray
        float32 ``[S]`` at the pool's rate.
    enrolment : list of ndarray
        float32 ``[S']`` each, at the encoder's rate, silence removed.
    clips : list of ClipRef
        Where the enrolment comes from; empty when it was changed, so that no cue of it is cached.
    wrong_enrolment, wrong_clips : list
        The same for somebody else's voice: in babble and among talkers, an interferer's own.
    words : str
        The transcript, where the target is a whole recording; else empty.
    plan : Plan
        With the gains that were used.
    """

    id: str
    mixture: np.ndarray
    target: np.ndarray
    scenario: str
    snr: float
    speaker: str
    enrolment: list[np.ndarray]
    clips: list[ClipRef]
    wrong_enrolment: list[np.ndarray]
    wrong_clips: list[ClipRef]
    words: str
    plan: Plan
