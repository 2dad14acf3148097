"""Speakers of the embedded corpus: voice variants of eSpeak NG, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ..errors import ConfigError

ACCENTS = {
    "america": "en-us",
    "newyork": "en-us-nyc",
    "britain": "en",
    "received": "en-gb-x-rp",
    "lancaster": "en-gb-x-gbclan",
    "midlands": "en-gb-x-gbcwmd",
    "scotland": "en-gb-scotland",
    "caribbean": "en-029",
}
"""Our short name -> eSpeak's language."""

_HIGH = 165
"""Mean pitch in Hz between most men's and most women's."""

HELD = {"valid": 0.08, "test": 0.15}
"""Share of the voices that are not trained on."""


@dataclass(frozen=True)
class Voice:
    """A speaker of the corpus: a voice variant of eSpeak that is ours.

    Parameters
    ----------
    id : str
        Name of its folder, ``"v012-scotland"``.
    accent : str
        A key of `ACCENTS`.
    pitch : pair of int
        Of voiced sound, in Hz, lowest and highest.
    formants : tuple of (int, int, int)
        Frequency, height and width of nine resonances, each in percent of eSpeak's own.
    flutter, roughness, voicing : int
        Unsteadiness of the pitch, creak, and strength of voiced sound (100 is usual).
    consonants : pair of int
        Strength of unvoiced and of voiced consonants (100 is usual).
    words_per_minute : int
        Speed.
    tilt : float
        Coefficient of a first-order filter: below 0 brighter, above 0 duller.
    """

    id: str
    accent: str
    pitch: tuple[int, int]
    formants: tuple[tuple[int, int, int], ...]
    flutter: int
    roughness: int
    voicing: int
    consonants: tuple[int, int]
    words_per_minute: int
    tilt: float

    @property
    def gender(self) -> str:
        """``"F"`` or ``"M"``, as the pitch would be taken for; eSpeak's voices have none."""
        return "F" if sum(self.pitch) / 2 >= _HIGH else "M"

    def variant(self) -> str:
        """Write the voice as eSpeak's variant file."""
        numbers = {
            "pitch": self.pitch,
            **{f"formant {k}": formant for k, formant in enumerate(self.formants)},
            "flutter": (self.flutter,),
            "roughness": (self.roughness,),
            "voicing": (self.voicing,),
            "consonants": self.consonants,
        }
        lines = [f"{name} {' '.join(map(str, values))}" for name, values in numbers.items()]
        return "\n".join(["language variant", f"name {self.id}", *lines, ""])


def cast_voices(count: int, seed: int = 0) -> dict[str, list[Voice]]:
    """Draw the speakers.

    Parameters
    ----------
    count : int
        How many in all, from 12 to 1000.
    seed : int
        Another seed, other voices.

    Returns
    -------
    dict
        ``"train"``, ``"valid"``, ``"test"`` -> voices.

    Raises
    ------
    ConfigError
        If the count is out of range.

    Examples
    --------
    >>> {name: len(voices) for name, voices in cast_voices(100).items()}
    {'train': 77, 'valid': 8, 'test': 15}
    """
    if not 12 <= count <= 1000:
        raise ConfigError(f"{count} voices cannot be made; ask for 12 to 1000")
    rng = random.Random(f"voices {seed}")
    voices = [_draw(f"v{number:03d}", rng) for number in range(count)]
    valid, test = (max(2, round(share * count)) for share in HELD.values())
    return {"train": voices[valid + test :], "valid": voices[:valid], "test": voices[valid : valid + test]}


def crowd(count: int, seed: int) -> list[Voice]:
    """Draw people who are no speakers of a corpus, for the noise of a crowd."""
    rng = random.Random(f"crowd {seed}")
    return [_draw(f"c{number:03d}", rng) for number in range(count)]


def _draw(id: str, rng: random.Random) -> Voice:
    """Draw a voice; a short vocal tract mostly goes with a high pitch, as in people."""
    size, accent = rng.random(), rng.choice(list(ACCENTS))
    pitch = 70 * 3 ** (size + rng.uniform(-0.3, 0.3))
    tract = 88 + 32 * size + rng.gauss(0, 5)
    return Voice(
        f"{id}-{accent}",
        accent,
        (round(pitch), round(pitch * rng.uniform(1.2, 1.7))),
        tuple(
            (round(tract * rng.uniform(0.9, 1.1)), rng.randint(35, 150), rng.randint(60, 200))
            for _ in range(9)
        ),
        rng.randint(0, 8),
        rng.randint(0, 4),
        rng.randint(80, 140),
        (rng.randint(70, 115), rng.randint(70, 115)),
        rng.randint(145, 190),
        round(rng.uniform(-0.35, 0.35), 3),
    )
