"""The law that mixtures are drawn by: scenarios, SNR, lengths, enrolment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError, nearest
from .clips import MIN_TARGET, clip_lengths

SCENARIOS = ("ambient", "babble", "talkers", "both", "clean", "absent")
"""Noise; one competing speaker; several; one and noise; white noise far below; one while the target is silent."""


@dataclass(frozen=True)
class MixingLaw:
    """How mixtures are drawn.

    Parameters
    ----------
    segment : float or None
        Length of a mixture in seconds; shorter recordings are taken whole. None takes each recording whole, so
        that its transcript is known, as word error rates need; enrolment then comes from other recordings.
    snr : pair of float
        Range in dB, active target over active interference.
    clean_snr : pair of float
        The same for the white noise of the clean scenario.
    scenarios : mapping
        Scenario -> weight: ``"ambient"``, ``"babble"``, ``"talkers"``, ``"both"``, ``"clean"``, ``"absent"``.
    talkers : pair of int
        How many compete in the talkers scenario.
    noises : pair of int
        How many noises sound at a time in the ambient scenario.
    enrolments : pair of int
        How many enrolment clips, from 1 to 5; fewer where a speaker has no more. ``[0, 0]`` for none, as for a
        model that needs no enrolment: then short recordings serve whole.
    enrolment_seconds : float
        Their length, a multiple of 0.5; on short recordings they shrink to 3, 2, 1.5 or 1 s.
    level_db : pair of float or None
        Range of the RMS level of the active target in dB below full scale; None keeps the recording's.
    tilt : float
        Largest coefficient, up to 0.9, of the first-order filters that make each part of a mixture duller or
        brighter, each by its own draw: other microphones. 0 leaves them as recorded.
    rooms : float
        Share of mixtures that are heard in a room; the target, too, is then as it is heard there.
    reverberation : pair of float
        Range of the rooms' reverberation times in seconds.
    noise_floors : float
        Share of voices that have steady noise of their own recording, as in noisier corpora; it belongs to the voice,
        in the target and in its enrolment clips, too. Its colour is between white and a rumble.
    noise_floor_db : pair of float
        Range of its level in dB below the active voice.
    same_gender : float or None
        Share of competing speakers of the target's gender, which are harder to tell from it; None leaves it to
        chance. The corpus must have a ``SPEAKERS.TXT``.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    segment: float | None = 3.0
    snr: Sequence[float] = (-3.0, 10.0)
    clean_snr: Sequence[float] = (30.0, 50.0)
    scenarios: Mapping[str, float] = field(
        default_factory=lambda: {"ambient": 0.45, "babble": 0.45, "clean": 0.1}
    )
    talkers: Sequence[int] = (2, 4)
    noises: Sequence[int] = (1, 1)
    enrolments: Sequence[int] = (1, 1)
    enrolment_seconds: float = 3.0
    level_db: Sequence[float] | None = None
    tilt: float = 0.0
    rooms: float = 0.0
    reverberation: Sequence[float] = (0.2, 0.7)
    noise_floors: float = 0.0
    noise_floor_db: Sequence[float] = (6.0, 40.0)
    same_gender: float | None = None

    def __post_init__(self) -> None:
        if self.segment is not None and self.segment < MIN_TARGET:
            raise ConfigError(f"segment {self.segment} s is too short; use at least {MIN_TARGET} s")
        check_range("snr", self.snr, -50, 100)
        check_range("clean_snr", self.clean_snr, -50, 100)
        check_range("talkers", self.talkers, 2, 20)
        check_range("noises", self.noises, 1, 5)
        check_range("enrolments", self.enrolments, 0 if list(self.enrolments) == [0, 0] else 1, 5)
        if self.level_db is not None:
            check_range("level_db", self.level_db, -80, 0)
        check_limit("tilt", self.tilt, 0.9)
        check_limit("rooms", self.rooms)
        check_range("reverberation", self.reverberation, 0.05, 5)
        check_limit("noise_floors", self.noise_floors)
        check_range("noise_floor_db", self.noise_floor_db, 1, 80)
        check_limit("same_gender", self.same_gender or 0)
        clip_lengths(self.enrolment_seconds, 16000)
        self._check_scenarios()

    def _check_scenarios(self) -> None:
        for name, weight in self.scenarios.items():
            if name not in SCENARIOS:
                known = f"{nearest(name, SCENARIOS)}; scenarios: {', '.join(SCENARIOS)}"
                raise ConfigError(f"no scenario {name!r}{known}")
            if not weight >= 0:
                raise ConfigError(f"scenarios: the weight of {name!r} is {weight}; weights are 0 or more")
        if not sum(self.scenarios.values()) > 0:
            raise ConfigError("scenarios: all weights are 0; give at least one scenario a weight")

    @property
    def enrols(self) -> bool:
        """Whether there are enrolment clips."""
        return self.enrolments[1] > 0

    @property
    def stated(self) -> dict[str, Any]:
        """The options that are not as they are by default: what is made by a law keeps when laws get new options.

        Examples
        --------
        >>> MixingLaw(snr=[-3, 10], tilt=0.5).stated
        {'tilt': 0.5}
        """
        plain = MixingLaw().__dict__
        return {name: value for name, value in vars(self).items() if _plain(value) != _plain(plain[name])}

    @property
    def used(self) -> list[str]:
        """The scenarios with a weight above 0."""
        return [name for name, weight in self.scenarios.items() if weight > 0]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def check_range(name: str, pair: Sequence[float], low: float, high: float) -> None:
    """Check an option that is a pair (from, to).

    Raises
    ------
    ConfigError
        If it is not, or not within the limits.
    """
    two = isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(v, int | float) for v in pair)
    if not two or not low <= pair[0] <= pair[1] <= high:
        raise ConfigError(
            f"{name} {list(pair) if two else pair} must be [from, to] with {low} <= from <= to <= {high}"
        )


def check_limit(name: str, value: float, high: float = 1) -> None:
    """Check an option that is a share, or a number from 0 up to another limit.

    Raises
    ------
    ConfigError
        If it is not, or beyond the limit.
    """
    if not isinstance(value, int | float) or not 0 <= value <= high:
        raise ConfigError(f"{name} {value!r} must be a number from 0 to {high:g}")
