"""From a plan to samples: cut the parts, set the levels, add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from ..errors import DataError
from .activity import active_rms
from .plan import Mixture, Part, Plan
from .pools import ClipRef, NoisePool, SpeechPool
from .rooms import reverberate

ENROLMENT_AUDIO = ("both", "right", "none")
"""Whose enrolment clips an item holds: for evaluation, for training, and for training on cached cues."""

DIRECT = 0.8
"""Amplitude of the direct sound in a room, 2.5 dB above the reflections."""


def mix(
    plan: Plan,
    speech: SpeechPool,
    noise: NoisePool | None,
    level_db: float | None = None,
    enrolment_audio: str = "both",
) -> Mixture:
    """Make a mixture at the plan's SNR.

    The target keeps its level unless one is asked for; should the sum exceed full scale, all is made softer.

    Parameters
    ----------
    plan : Plan
        Its interferers' gains are taken as levels relative to each other.
    speech, noise : SpeechPool, NoisePool
        Where the recordings are.
    level_db : float or None
        Wanted RMS level of the active target, in dB below full scale.
    enrolment_audio : str
        Whose enrolment clips are read; one of `ENROLMENT_AUDIO`.

    Returns
    -------
    Mixture
        Its own plan has the gains that were used: `render` makes the same samples from it.
    """
    target = cut(plan.target, speech, noise)
    others = [_placed(part, target.size, speech, noise) for part in plan.interferers]
    gains = _gains(plan, target, others, speech.rate, level_db)
    wanted, mixture = _add(target, others, gains)
    peak = float(max(mixture.max(), -mixture.min(), wanted.max(), -wanted.min()))
    if peak > 1:
        gains = [float(np.float32(g * 0.999 / peak)) for g in gains]
        wanted, mixture = _add(target, others, gains)
    return _item(plan.with_gains(gains), mixture, wanted, speech, enrolment_audio)


def render(plan: Plan, speech: SpeechPool, noise: NoisePool | None) -> Mixture:
    """Make the mixture of a plan whose gains are final, sample for sample the same every time."""
    target = cut(plan.target, speech, noise)
    others = [_placed(part, target.size, speech, noise) for part in plan.interferers]
    gains = [plan.target.gain, *(part.gain for part in plan.interferers)]
    wanted, mixture = _add(target, others, gains)
    return _item(plan, mixture, wanted, speech)


def cut(part: Part, speech: SpeechPool, noise: NoisePool | None) -> np.ndarray:
    """Cut a part out of its recording, at its own level; float32 ``[part.length]``."""
    samples = _recorded(part, speech, noise)
    if part.tone:
        samples = np.asarray(lfilter([1.0, part.tone], [1.0], samples), np.float32)
    if part.room:
        reflections = white(part.start, round(part.room * speech.rate))
        samples = reverberate(samples, speech.rate, part.room, DIRECT, reflections)
    return add_noise(samples, speech.rate, part.floor, part.colour, part.start + 1) if part.floor else samples


def draw_colour(rng: np.random.Generator) -> float:
    """Draw the colour of a steady noise, from 0, white, towards 1, a rumble."""
    return round(1 - 10 ** float(rng.uniform(-2.2, 0)), 5)


def add_noise(samples: np.ndarray, rate: int, snr: float, colour: float, seed: int) -> np.ndarray:
    """Add steady noise at a level below the active voice, in dB; `Part` says what its colour is."""
    noise = np.asarray(lfilter([1.0], [1.0, -colour], white(seed, samples.size)), np.float32)
    return samples + np.float32(active_rms(samples, rate) * 10 ** (-snr / 20) / np.std(noise)) * noise


def _recorded(part: Part, speech: SpeechPool, noise: NoisePool | None) -> np.ndarray:
    """Give a part as it was recorded."""
    if part.kind == "white":
        return white(part.start, part.length)
    if part.kind == "speech":
        return speech.segment(part.id, part.start, part.length)
    if noise is None:
        raise DataError(
            f"noise {part.id!r} is wanted but no noise recordings were given; name the noise folder"
        )
    return noise.segment(part.id, part.start, part.length)


def _placed(part: Part, size: int, speech: SpeechPool, noise: NoisePool | None) -> np.ndarray:
    """Cut a part and put it where it belongs in a mixture of ``size`` samples."""
    samples = cut(part, speech, noise)
    if samples.size == size:
        return samples
    placed = np.zeros(size, np.float32)
    placed[part.at : part.at + samples.size] = samples
    return placed


def white(seed: int, length: int) -> np.ndarray:
    """Make white noise of unit variance, nearly Gaussian, the same in every version of NumPy.

    Four 16-bit numbers of the bit generator's raw stream add up to one sample.

    Returns
    -------
    ndarray
        float32 ``[length]``.
    """
    raw = np.random.PCG64(seed).random_raw(length).astype("<u8").view("<u2").reshape(length, 4)
    return (raw.sum(1, dtype=np.int64) - 131070.0).astype(np.float32) / np.float32(65536 / np.sqrt(3))


def _gains(
    plan: Plan, target: np.ndarray, others: Sequence[np.ndarray], rate: int, level_db: float | None
) -> list[float]:
    """Find the factors of the target and of each interferer."""
    level = active_rms(target, rate)
    own = 1.0 if level_db is None or not level else 10 ** (level_db / 20) / level
    relative = [
        part.gain / (active_rms(x, rate) or 1.0) for part, x in zip(plan.interferers, others, strict=True)
    ]
    if len(others) > 1:
        summed = sum(np.float32(g) * x for g, x in zip(relative, others, strict=True))
        together = active_rms(np.asarray(summed), rate) or 1.0
    else:
        together = plan.interferers[0].gain if others else 1.0
    scale = own * level / together * 10 ** (-plan.snr / 20)
    heard = 0.0 if plan.scenario == "absent" else own
    return [float(np.float32(g)) for g in (heard, *(scale * r for r in relative))]


def _add(
    target: np.ndarray, others: Sequence[np.ndarray], gains: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Add the parts up; always in this order, so that the sum is the same to the last bit."""
    wanted = target if gains[0] == 1 else target * np.float32(gains[0])
    mixture = wanted.copy()
    for x, gain in zip(others, gains[1:], strict=True):
        mixture += x * np.float32(gain)
    return wanted, mixture


def _item(
    plan: Plan, mixture: np.ndarray, target: np.ndarray, speech: SpeechPool, enrolment_audio: str = "both"
) -> Mixture:
    """Put the item together."""
    whole = plan.target.length == speech.outline(plan.target.id).size
    return Mixture(
        id=plan.id,
        mixture=mixture,
        target=target,
        scenario=plan.scenario,
        snr=plan.snr,
        speaker=plan.speaker,
        enrolment=[_enrolment(ref, plan.target, speech) for ref in plan.clips if enrolment_audio != "none"],
        clips=[] if plan.target.floor else list(plan.clips),
        wrong_enrolment=[speech.clip(ref) for ref in plan.wrong_clips if enrolment_audio == "both"],
        wrong_clips=list(plan.wrong_clips),
        words=speech.source(plan.target.id).words if whole else "",
        plan=plan,
    )


def _enrolment(ref: ClipRef, target: Part, speech: SpeechPool) -> np.ndarray:
    """Cut an enrolment clip, with the noise that the speaker's recordings are given."""
    clip, rate = speech.clip(ref), speech.enrolment_rate
    if not target.floor:
        return clip
    return add_noise(
        clip, rate, target.floor, target.colour ** (speech.rate / rate), target.start + ref.start + 2
    )
