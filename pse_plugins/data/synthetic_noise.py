"""Ambient noise without a download: hum, rain, engines, alarms, clatter, wind and a crowd, all computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import fftconvolve

from ..errors import ConfigError, nearest
from .espeak import level, read_sentences, run_alone, speak
from .manifest import check_replaceable, digest, is_fresh, mark_fresh, write_json
from .voices import crowd

FOLDS = 5
"""No two folds share a seed or the value of a parameter; the last is for test."""


class Draw:
    """Random parameters of one noise, from values that no other fold can have.

    Each range is cut in four, and each quarter in `FOLDS` slices of which a fold owns one.

    Parameters
    ----------
    seed, fold, number : int
        Which noise; folds count from 1.
    kind : str
        Its kind.

    Examples
    --------
    >>> first = Draw(0, 1, 0, "hum")
    >>> [first(0, 20) % 5 < 1 for _ in range(4)]
    [True, True, True, True]
    """

    def __init__(self, seed: int, fold: int, number: int, kind: str) -> None:
        self.fold = fold
        self.rng = np.random.default_rng([seed, fold, number, *kind.encode()])

    def __call__(self, low: float, high: float) -> float:
        """Draw from a range, in the fold's own slices of it."""
        quarter, inside = self.rng.integers(4), (self.fold - 1 + self.rng.random()) / FOLDS
        return float(low + (high - low) * (quarter + inside) / 4)

    def octaves(self, low: float, high: float) -> float:
        """Draw likewise, evenly on a logarithmic scale: for frequencies and times."""
        return float(np.exp(self(np.log(low), np.log(high))))


def shaped(draw: Draw, samples: int, gain: Callable[[np.ndarray], np.ndarray], rate: int) -> np.ndarray:
    """Make Gaussian noise ``[samples]`` with a spectrum: ``gain`` gives an amplitude for frequencies in Hz."""
    spectrum = np.fft.rfft(draw.rng.standard_normal(samples))
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(samples, 1 / rate)), samples)


def wander(draw: Draw, samples: int, hertz: float, rate: int) -> np.ndarray:
    """Make a slow random curve ``[samples]`` of unit variance with nothing above ``hertz``."""
    curve = shaped(draw, samples, lambda f: (f <= hertz).astype(float), rate)
    return curve / (curve.std() + 1e-9)


def coloured(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Steady noise from brown (-6 dB an octave) over pink and white to blue (+3)."""
    slope = draw(-1.0, 0.5)
    return shaped(draw, samples, lambda f: np.maximum(f, 40.0) ** slope, rate)


def hum(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Mains hum and its harmonics, drifting a little, over a faint hiss."""
    base, decay = draw(45, 65), draw(0.3, 1.2)
    drift = 1 + 0.002 * wander(draw, samples, 2.0, rate)
    phase = 2 * np.pi * np.cumsum(base * drift) / rate
    count = int(min(40, 0.45 * rate / base))
    tones = (draw.rng.uniform(0.2, 1) * k**-decay * np.sin(k * phase + k) for k in range(1, count + 1))
    return sum(tones, 0.03 * draw.rng.standard_normal(samples))


def clicks(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Impulses at random times, each ringing at its own pitch: keys, dishes, knocks."""
    sparse = draw.rng.random(samples) < draw.octaves(2, 12) / rate
    pulses = sparse * draw.rng.uniform(0.2, 1, samples)
    time = np.arange(rate // 4) / rate
    ring = np.exp(-time / draw.octaves(0.004, 0.04)) * np.sin(2 * np.pi * draw.octaves(300, 4000) * time)
    ring[: rate // 200] += draw.rng.standard_normal(rate // 200) * 0.5
    return fftconvolve(pulses, ring)[:samples] + 0.003 * draw.rng.standard_normal(samples)


def modulated(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Noise that swells and fades: wind, surf, passing traffic."""
    depth = np.exp(draw(0.5, 1.0) * wander(draw, samples, draw.octaves(0.5, 8), rate))
    return coloured(draw, samples, rate) * depth


def rumble(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """A band of noise with the beat of an engine in it."""
    centre, width, beat = draw.octaves(80, 1200), draw(0.3, 1.0), draw.octaves(6, 40)
    band = shaped(
        draw, samples, lambda f: np.exp(-0.5 * (np.log2(np.maximum(f, 1) / centre) / width) ** 2), rate
    )
    return band * (1 + draw(0.2, 0.9) * np.sin(2 * np.pi * beat * np.arange(samples) / rate))


def chirps(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Tones that sweep up and down over and over: sirens, birds."""
    centre, swing, pace = draw.octaves(500, 3500), draw(0.2, 0.8), draw.octaves(0.4, 6)
    sweep = centre * 2 ** (swing * np.sin(2 * np.pi * pace * np.arange(samples) / rate))
    gate = np.clip(1 + wander(draw, samples, 2 * pace, rate), 0, 1)
    return np.sin(2 * np.pi * np.cumsum(sweep) / rate) * gate + 0.01 * draw.rng.standard_normal(samples)


def beeps(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """A tone with overtones, on and off: alarms, reversing lorries, telephones."""
    pitch, period, duty = draw.octaves(400, 2500), draw.octaves(0.2, 1.2), draw(0.2, 0.7)
    time = np.arange(samples) / rate
    gate = 1 / (1 + np.exp(-200 * (duty - time / period % 1) * period))
    tones = sum(np.sin(2 * np.pi * k * pitch * time) / k**2 for k in (1, 2, 3) if k * pitch < rate / 2)
    return tones * gate + 0.01 * draw.rng.standard_normal(samples)


def rain(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Many small drops over a hiss."""
    drops = (draw.rng.random(samples) < draw.octaves(60, 600) / rate) * draw.rng.standard_normal(samples)
    time = np.arange(rate // 50) / rate
    splash = np.exp(-time / draw.octaves(0.001, 0.004)) * np.sin(2 * np.pi * draw.octaves(1000, 5000) * time)
    hiss = shaped(draw, samples, lambda f: (f > 500) * np.maximum(f, 500.0) ** -0.3, rate)
    return fftconvolve(drops, splash)[:samples] + draw(0.005, 0.03) * hiss / (hiss.std() + 1e-9)


def babble(draw: Draw, samples: int, rate: int) -> np.ndarray:
    """Six to ten people at once, none of whom is a speaker of the corpus."""
    total = np.zeros(samples)
    texts = read_sentences()[draw.fold == FOLDS]
    count, seed = (int(draw.rng.integers(a, b)) for a, b in ((6, 11), (0, 2**31)))
    for voice in crowd(count, seed):
        speech = np.concatenate(
            [speak(voice, texts[k], rate, seed) for k in draw.rng.integers(len(texts), size=2)]
        )
        total += draw.rng.uniform(0.5, 1) * np.resize(
            np.roll(speech, draw.rng.integers(speech.size)), samples
        )
    return total


NOISES: dict[str, Callable[[Draw, int, int], np.ndarray]] = {
    f.__name__: f for f in (coloured, hum, clicks, modulated, rumble, chirps, beeps, rain, babble)
}
"""Kind -> what makes ``[samples]`` of it at a rate in Hz."""


def synthesise_noise(
    folder: str | Path,
    *,
    kinds: Sequence[str] | None = None,
    per_kind: int = 4,
    seconds: float = 6.0,
    seed: int = 0,
    rate: int = 16000,
) -> Path:
    """Make a noise corpus, unless it is there already; the same samples for the same options.

    Files are named as in ESC-50: ``<kind>/<fold>-<kind><number>-A.flac``; see `FOLDS`.

    Parameters
    ----------
    folder : str or Path
        Where.
    kinds : sequence of str or None
        Some of `NOISES`; None makes all. ``babble`` needs the speech synthesiser.
    per_kind : int
        Recordings of a kind in each fold.
    seconds : float
        Length of each.
    seed : int
        Of everything drawn.
    rate : int
        In Hz.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If a kind is unknown or an option out of range.
    DataError
        If babble is wanted and there is no synthesiser, or the folder has other noise.
    """
    folder, kinds = Path(folder), list(NOISES if kinds is None else kinds)
    for kind in kinds:
        if kind not in NOISES:
            raise ConfigError(f"no noise {kind!r}{nearest(kind, NOISES)}; noises: {', '.join(NOISES)}")
    if not 1 <= per_kind <= 1000 or not 1 <= seconds <= 600 or rate < 8000 or seed < 0:
        raise ConfigError(
            "noise: use 1 to 1000 a kind, 1 to 600 seconds, a rate of 8000 Hz or more, a seed from 0"
        )
    overview, made = folder / "noises.json", digest([kinds, per_kind, seconds, seed, rate])
    key = f"{len(kinds)} kinds of {per_kind} noises a fold ({seconds:g} s, seed {seed}, {rate} Hz); {made}"
    check_replaceable(overview, key)
    if not is_fresh([overview], key):
        task = (str(folder.absolute()), kinds, per_kind, seconds, seed, rate)
        run_alone(_write_noise, *task) if "babble" in kinds else _write_noise(*task)
        write_json(
            overview, {"kinds": kinds, "folds": FOLDS, "per_kind": per_kind, "seconds": seconds, "seed": seed}
        )
        mark_fresh([overview], key)
    return folder


def _write_noise(
    folder: str, kinds: Sequence[str], per_kind: int, seconds: float, seed: int, rate: int
) -> None:
    """Compute everything, in place of what an interrupted run left."""
    for kind in kinds:
        Path(folder, kind).mkdir(parents=True, exist_ok=True)
        for old in Path(folder, kind).glob(f"?-{kind}*-A.flac"):
            old.unlink()
        for fold, number in ((f, n) for f in range(1, FOLDS + 1) for n in range(per_kind)):
            noise = NOISES[kind](Draw(seed, fold, number, kind), round(seconds * rate), rate)
            path = Path(folder, kind, f"{fold}-{kind}{number:02d}-A.flac")
            soundfile.write(path, level(noise), rate, subtype="PCM_16")
