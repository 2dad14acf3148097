"""Drawing plans: who speaks, what disturbs, which clips enrol."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

import numpy as np

from ..errors import ConfigError, DataError
from .clips import MIN_TARGET, choose_clips, clip_lengths, place_anywhere, place_beside_clip
from .corpora import genders
from .law import MixingLaw
from .mixing import draw_colour
from .plan import Part, Plan
from .pools import ClipRef, NoisePool, SpeechPool

logger = logging.getLogger(__name__)

_TRIES = 200
_NO_NOISE = "the scenarios ambient and both need noise; name a noise folder, or set their weight to 0"


class Drawer:
    """Draws plans by a law from pools.

    Speakers for whom no target and enrolment clip fit are left out, with a warning.

    Parameters
    ----------
    law : MixingLaw
        How.
    speech : SpeechPool
        Whose voices.
    noise : NoisePool or None
        Needed for the ambient scenario only.

    Raises
    ------
    ConfigError
        If noise is needed and there is none, or is at another rate.
    DataError
        If there are too few usable speakers.
    """

    def __init__(self, law: MixingLaw, speech: SpeechPool, noise: NoisePool | None) -> None:
        if noise is None and {"ambient", "both"} & set(law.used):
            raise ConfigError(_NO_NOISE)
        if noise is not None and noise.rate != speech.rate:
            raise ConfigError(
                f"speech at {speech.rate} Hz and noise at {noise.rate} Hz; load both at one rate"
            )
        self.law, self.speech, self.noise = law, speech, noise
        weights = np.array([law.scenarios[s] for s in law.used], float)
        self._shares = np.cumsum(weights / weights.sum())
        self._shares /= self._shares[-1]
        self.segment = sys.maxsize if law.segment is None else round(law.segment * speech.rate)
        self.lengths = clip_lengths(law.enrolment_seconds, speech.enrolment_rate)
        self.voices = [v for v in speech.speakers if self._usable(v)]
        self._tell_left_out(set(speech.speakers) - set(self.voices))
        self._gender = self._genders() if law.same_gender is not None else {}
        people = {speech.person(v) for v in self.voices}
        one = law.enrols or bool({"babble", "both", "absent"} & set(law.used))
        needed = 1 + (law.talkers[1] if "talkers" in law.used else int(one))
        if len(people) < needed:
            more = f" and 1 s more to enrol with{self._elsewhere}" if law.enrols else ""
            raise DataError(
                f"{len(people)} usable speakers, but at least {needed} are needed: each needs {MIN_TARGET:g} s of "
                f"speech to extract{more}; add recordings"
            )

    @property
    def _elsewhere(self) -> str:
        """Say where enrolment has to come from, if a target may not leave room for it."""
        return " in another recording" if self.law.segment is None else ""

    def _genders(self) -> dict[str, str]:
        """Read the gender of every voice."""
        known = genders(self.speech)
        if unknown := [voice for voice in self.voices if voice not in known]:
            raise ConfigError(
                f"same_gender needs the gender of every speaker, and that of {unknown[0]} is in no SPEAKERS.TXT "
                f"beside the subsets; add it, or leave same_gender out"
            )
        return known

    def _usable(self, voice: str) -> bool:
        """Whether a target and a clip can be found for a voice; long voices are taken to be without decoding."""
        files = [self.speech.source(id) for id in self.speech.utterances(voice)]
        longest = self.law.segment or max(u.seconds for u in files)
        if len(files) > 1 and sum(u.seconds for u in files) > 8 * (longest + self.law.enrolment_seconds):
            return True
        rng = np.random.default_rng(0)
        return any(
            self._target(id, voice, int(self.law.enrols), rng) is not None
            for id in self.speech.utterances(voice)
        )

    def _tell_left_out(self, voices: set[str]) -> None:
        """Name the people whose recordings are too short, once each whatever the speeds."""
        people = sorted({self.speech.person(voice) for voice in voices})
        if people:
            logger.warning(
                "speakers left out, as they have no room for a target%s at some speed: %s (%d in all)",
                f" and an enrolment clip{self._elsewhere}" if self.law.enrols else "",
                ", ".join(people[:5]) + (", ..." if len(people) > 5 else ""),
                len(people),
            )

    def draw(
        self,
        rng: np.random.Generator,
        name: str,
        *,
        scenario: str | None = None,
        snr: float | None = None,
        voice: str | None = None,
    ) -> Plan:
        """Draw a plan; its gains are still relative.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where everything random comes from.
        name : str
            Id of the item.
        scenario, snr, voice : str, float, str
            Fix one of them rather than drawing it.

        Raises
        ------
        DataError
            If nothing usable can be found.
        """
        law = self.law
        scenario = scenario or law.used[self._shares.searchsorted(rng.random(), side="right")]
        low, high = law.clean_snr if scenario == "clean" else law.snr
        snr = float(rng.uniform(low, high)) if snr is None else snr
        count = int(rng.integers(law.enrolments[0], law.enrolments[1] + 1))
        speaker, target, clips = self._speaker(voice, count, rng)
        parts, wrong = getattr(self, f"_{scenario}")(speaker, target.length, count, rng)
        wrong = wrong or (self._strangers(speaker, count, rng) if count else [])
        if law.tilt:
            target, *parts = (
                replace(part, tone=round(float(rng.uniform(-law.tilt, law.tilt)), 4))
                for part in (target, *parts)
            )
        if law.rooms and rng.random() < law.rooms:
            room = round(float(rng.uniform(law.reverberation[0], law.reverberation[1])), 4)
            target, *parts = (replace(part, room=room) for part in (target, *parts))
        if law.noise_floors:
            target, *parts = (self._with_floor(part, rng) for part in (target, *parts))
        return Plan(name, scenario, snr, speaker, target, tuple(parts), tuple(clips), tuple(wrong))

    def _with_floor(self, part: Part, rng: np.random.Generator) -> Part:
        """Draw whether a voice's recording has noise of its own, and which."""
        if part.kind != "speech" or rng.random() >= self.law.noise_floors:
            return part
        level = float(rng.uniform(self.law.noise_floor_db[0], self.law.noise_floor_db[1]))
        return replace(part, floor=round(level, 3), colour=draw_colour(rng))

    def _speaker(
        self, voice: str | None, count: int, rng: np.random.Generator
    ) -> tuple[str, Part, list[ClipRef]]:
        """Draw a voice, one of its recordings, a target in it and clips."""
        for _ in range(_TRIES):
            speaker = voice or self.voices[rng.integers(len(self.voices))]
            ids = self.speech.utterances(speaker)
            id = ids[rng.integers(len(ids))]
            found = self._target(id, speaker, count, rng)
            if found:
                return speaker, *found
            logger.info("recording %s is passed over: no room for a target and an enrolment clip", id)
        raise DataError(
            f"speaker {voice or 'pool'}: no recording has room for a target and a clip; add longer ones"
        )

    def _target(
        self, id: str, voice: str, count: int, rng: np.random.Generator
    ) -> tuple[Part, list[ClipRef]] | None:
        """Place a target in a recording and choose clips, from other recordings where there are some."""
        others = [other for other in self.speech.utterances(voice) if other != id]
        clips = choose_clips(self.speech, others, count, self.lengths, rng)
        if clips or not count:
            place = place_anywhere(self.speech, id, self.segment, rng)
        elif self.law.segment is None:
            return None
        else:
            place = place_beside_clip(self.speech, id, self.segment, self.lengths, rng)
        if place is None or place[1] < MIN_TARGET * self.speech.rate:
            return None
        start, length = place
        avoid = {id: (start, start + length)}
        beside = rng.spawn(1)[0] if clips else rng  # only a first clip is drawn by what draws the rest
        clips += choose_clips(self.speech, [id], count - len(clips), self.lengths, beside, avoid)
        return (Part("speech", id, start, length), clips) if clips or not count else None

    def _ambient(
        self, speaker: str, length: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw noises."""
        low, high = self.law.noises
        return [self.noise_part(length, rng) for _ in range(rng.integers(low, high + 1))], []

    def noise_part(self, length: int, rng: np.random.Generator) -> Part:
        """Draw a stretch of noise that is not silent."""
        noise = self.noise
        if noise is None:
            raise ConfigError(_NO_NOISE)
        for _ in range(_TRIES):
            id = noise.ids[rng.integers(len(noise.ids))]
            start = int(rng.integers(noise.period(id, length)))
            if noise.segment(id, start, length).any():
                return Part("noise", id, start, length)
        raise DataError("the noise recordings are silent; check the noise folder")

    def _clean(
        self, speaker: str, length: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw white noise."""
        return [Part("white", "", int(rng.integers(2**31)), length)], []

    def _babble(
        self, speaker: str, length: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw one competing speaker, and clips of that voice."""
        return self._competitors(speaker, length, 1, count, rng)

    def _both(
        self, speaker: str, length: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw one competing speaker, clips of that voice, and a noise."""
        parts, wrong = self._babble(speaker, length, count, rng)
        return [*parts, self.noise_part(length, rng)], wrong

    _absent = _babble  # the mixture without its target

    def _talkers(
        self, speaker: str, length: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw several competing speakers, and clips of the first one's voice."""
        low, high = self.law.talkers
        return self._competitors(speaker, length, int(rng.integers(low, high + 1)), count, rng)

    def _competitors(
        self, speaker: str, length: int, people: int, count: int, rng: np.random.Generator
    ) -> tuple[list[Part], list[ClipRef]]:
        """Draw competing speakers, all different people, and clips of the first, best not of what is heard."""
        parts: list[Part] = []
        taken = {self.speech.person(speaker)}
        wrong: list[ClipRef] = []
        for _ in range(_TRIES):
            voice = self._competitor(speaker, taken, rng)
            ids = self.speech.utterances(voice)
            id = ids[rng.integers(len(ids))]
            place = place_anywhere(self.speech, id, length, rng)
            if place is None:
                continue
            start, size = place
            parts.append(Part("speech", id, start, size, at=int(rng.integers(length - size + 1))))
            taken.add(self.speech.person(voice))
            if not wrong:
                avoid = {id: (start, start + size)}
                wrong = choose_clips(self.speech, ids, count, self.lengths, rng, avoid) or choose_clips(
                    self.speech, ids, count, self.lengths, rng
                )
            if len(parts) == people:
                return parts, wrong
        raise DataError("no recording of a competing speaker has any voice; check the corpus")

    def _competitor(self, speaker: str, taken: set[str], rng: np.random.Generator) -> str:
        """Draw who competes, of the target's gender as often as the law says, if there is anybody else of it."""
        if self.law.same_gender is None:
            return self._stranger(taken, rng)
        same = rng.random() < self.law.same_gender
        for _ in range(_TRIES):
            voice = self._stranger(taken, rng)
            if (self._gender[voice] == self._gender[speaker]) == same:
                break
        return voice

    def _stranger(self, taken: set[str], rng: np.random.Generator) -> str:
        """Draw the voice of somebody not taken yet; a person's own voice at another speed is the same person."""
        while True:
            voice = self.voices[rng.integers(len(self.voices))]
            if self.speech.person(voice) not in taken:
                return voice

    def _strangers(self, speaker: str, count: int, rng: np.random.Generator) -> list[ClipRef]:
        """Draw clips of another speaker."""
        for _ in range(_TRIES):
            voice = self._stranger({self.speech.person(speaker)}, rng)
            clips = choose_clips(self.speech, self.speech.utterances(voice), count, self.lengths, rng)
            if clips:
                return clips
        raise DataError("no other speaker has a second of voice to enrol with; add recordings")
