"""Speech of many voices without a download: eSpeak NG from the `espeakng-loader` package, driven through ctypes."""

from __future__ import annotations

import ctypes
import functools
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import lfilter

from .. import audio
from ..errors import ConfigError, DataError
from .manifest import digest, is_fresh, mark_fresh, read_json, write_json

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

# fmt: off
VARIANTS = (
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Denis", "Diogo", "Gene", "Henrique", "Jacky"),
    *("Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "Reed", "Storm", "Tweaky", "adam", "anika", "antonio"),
    *("aunty", "belinda", "boris", "caleb", "david", "ed", "edward", "f1", "f2", "f3", "f4", "grandma", "grandpa"),
    *("gustave", "ian", "iven", "iven4", "john", "klatt3", "klatt4", "linda", "m1", "m2", "m3", "m4", "m5", "m6"),
    *("m7", "m8", "marcelo", "max", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "robert", "sandro"),
    *("shelby", "steph", "travis", "victor", "zac"),
)
# fmt: on
"""eSpeak's voice variants that sound like different people; whispers, robots and near copies are left out."""

# fmt: off
CROWD = (
    *("Gene2", "Hugo", "Mr serious", "benjamin", "croak", "edward2", "f5", "iven2", "iven3", "klatt5", "klatt6"),
    *("michel", "mike2", "rob", "steph2", "steph3"),
)
# fmt: on
"""Variants that are heard only in the noise of a crowd."""

HELD = {"valid": 0.08, "test": 0.15}
"""Share of the voices, and of the variants, that are not trained on: no variant is in two sets."""

OVERVIEW = "voices.json"
"""Which voices a corpus has, and how they were made."""

_RATE, _RANGE, _PITCH = 1, 4, 3  # espeak_PARAMETER
_SYNCHRONOUS, _UTF8 = 2, 1
_LEVEL_DB = -26.0


@dataclass(frozen=True)
class Voice:
    """A speaker of the corpus.

    Parameters
    ----------
    id : str
        Name of its folder, ``"v012-scotland-f3"``.
    accent, variant : str
        A key of `ACCENTS`, one of `VARIANTS`.
    pitch, intonation : int
        eSpeak's pitch and pitch range, 0 to 99.
    words_per_minute : int
        Speed.
    stretch : float
        Length of the vocal tract: the waveform is played this much slower, which lowers all formants and pitch.
    tilt : float
        First-order filter coefficient: below 0 brighter, above 0 duller.
    """

    id: str
    accent: str
    variant: str
    pitch: int
    intonation: int
    words_per_minute: int
    stretch: float
    tilt: float


def cast_voices(count: int, seed: int = 0) -> dict[str, list[Voice]]:
    """Draw the speakers.

    Parameters
    ----------
    count : int
        How many in all, from 12 to 400.
    seed : int
        Another seed, other voices.

    Returns
    -------
    dict
        ``"train"``, ``"valid"``, ``"test"`` -> voices; no two have the same accent and variant.

    Raises
    ------
    ConfigError
        If the count is out of range.

    Examples
    --------
    >>> {name: len(voices) for name, voices in cast_voices(100).items()}
    {'train': 77, 'valid': 8, 'test': 15}
    """
    if not 12 <= count <= 400:
        raise ConfigError(f"{count} voices cannot be made; ask for 12 to 400")
    rng = random.Random(seed)
    variants = rng.sample(VARIANTS, len(VARIANTS))
    split: dict[str, list[Voice]] = {}
    for name, share in HELD.items():
        own, variants = _cut(variants, round(share * len(VARIANTS)))
        split[name] = _cast(own, max(2, round(share * count)), sum(map(len, split.values())), rng)
    held = sum(map(len, split.values()))
    return {"train": _cast(variants, count - held, held, rng), **split}


def _cut(items: list[str], size: int) -> tuple[list[str], list[str]]:
    return items[:size], items[size:]


def _cast(variants: Sequence[str], count: int, first: int, rng: random.Random) -> list[Voice]:
    """Draw voices of these variants, numbered from ``first``."""
    pairs = _pairs(variants, rng)
    return [_draw(first + i, *next(pairs), rng) for i in range(count)]


def _pairs(variants: Sequence[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Give (accent, variant) pairs without repeating one, every variant before any comes again."""
    orders = {variant: rng.sample(list(ACCENTS), len(ACCENTS)) for variant in variants}
    for turn in range(len(ACCENTS)):
        for variant in variants:
            yield orders[variant][turn], variant


def crowd(count: int, seed: int) -> list[Voice]:
    """Draw people who are no speakers of the corpus, for the noise of a crowd."""
    rng = random.Random(seed)
    return [_draw(i, rng.choice(list(ACCENTS)), rng.choice(CROWD), rng) for i in range(count)]


def _draw(number: int, accent: str, variant: str, rng: random.Random) -> Voice:
    return Voice(
        f"v{number:03d}-{accent}-{variant}",
        accent,
        variant,
        rng.randint(25, 75),
        rng.randint(25, 75),
        rng.randint(145, 190),
        round(rng.uniform(0.9, 1.1), 3),
        round(rng.uniform(-0.3, 0.3), 3),
    )


class Espeak:
    """The speech synthesiser, one a process: it is C code with global state. Get it by `espeak`.

    Raises
    ------
    DataError
        If the package is not installed, or cannot be started.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = str(espeakng_loader.get_data_path())
        except (ImportError, OSError) as error:
            raise DataError(f'no speech synthesiser ({error}); pip install "pse-plugins[demo]"') from error
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0)
        if self.rate <= 0:
            raise DataError(
                f'eSpeak NG does not start from {data}; pip install --force-reinstall "pse-plugins[demo]"'
            )
        self._blocks: list[np.ndarray] = []
        self._collect = _CALLBACK(self._take)  # kept: the C side holds only a pointer
        self._library.espeak_SetSynthCallback(self._collect)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, voice: Voice, text: str, seed: int) -> np.ndarray:
        """Speak a text; float32 ``[S]`` at `rate`, with eSpeak's own voice before stretch and tilt.

        Raises
        ------
        DataError
            If this eSpeak lacks the voice.
        """
        name = f"{ACCENTS[voice.accent]}+{voice.variant}"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise DataError(f'eSpeak has no voice {name}; pip install --upgrade "pse-plugins[demo]"')
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))  # breath and flutter
        for parameter, value in (
            (_RATE, voice.words_per_minute),
            (_PITCH, voice.pitch),
            (_RANGE, voice.intonation),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._blocks.clear()
        words = text.encode() + b"\0"
        self._library.espeak_Synth(words, ctypes.c_size_t(len(words)), 0, 0, 0, _UTF8, None, None)
        if not self._blocks:
            raise DataError(f'eSpeak said nothing for {name}; pip install --upgrade "pse-plugins[demo]"')
        return np.concatenate(self._blocks).astype(np.float32) / np.float32(32768)


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@functools.cache
def espeak() -> Espeak:
    """Start the synthesiser, or give the one that runs."""
    return Espeak()


def speak(voice: Voice, text: str, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """Speak a text as one of the corpus' speakers.

    Parameters
    ----------
    voice : Voice
        Who.
    text : str
        What.
    rate : int
        Wanted rate in Hz.
    seed : int
        Of breath and flutter.

    Returns
    -------
    ndarray
        float32 ``[S]`` at -26 dBFS RMS, or lower where its peaks would clip.

    Raises
    ------
    DataError
        If there is no synthesiser.
    """
    synthesiser = espeak()
    samples = synthesiser.say(voice, text, seed)
    samples = audio.resample(samples, round(synthesiser.rate / voice.stretch), rate)
    samples = np.asarray(lfilter([1.0, voice.tilt], [1.0], samples), np.float32)
    return level(samples)


def level(samples: np.ndarray) -> np.ndarray:
    """Bring samples ``[S]`` to -26 dBFS RMS, or lower where their peaks would clip; float32."""
    gain = 10 ** (_LEVEL_DB / 20) / max(1e-9, float(np.sqrt(np.mean(samples**2))))
    return np.asarray(samples * min(gain, 0.95 / max(1e-9, float(np.abs(samples).max()))), np.float32)


def read_sentences() -> tuple[list[str], list[str]]:
    """Give the sentences for training voices, and those for validation and test voices only."""
    text = (Path(__file__).parent / "sentences.txt").read_text("utf-8")
    train, held = ([s for s in part.splitlines() if s and s[0] != "#"] for part in text.split("# held out"))
    return train, held[1:]


def synthesise_corpus(
    folder: str | Path, *, voices: int = 100, sentences: int = 12, seed: int = 0, rate: int = 16000
) -> Path:
    """Make the embedded corpus, unless it is there already; the same bytes for the same options.

    It is laid out as ``{train,valid,test}/<voice>/<voice>-<number>.flac`` with transcripts in LibriSpeech's
    ``<voice>.trans.txt`` and the voices in ``voices.json``. Test voices, and their sentences, are not trained on.

    Parameters
    ----------
    folder : str or Path
        Where.
    voices : int
        How many in all, from 12 to 400.
    sentences : int
        How many each speaks, from 2 to 30; about 3.5 s each.
    seed : int
        Of voices and texts.
    rate : int
        In Hz.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If an option is out of range.
    DataError
        If there is no synthesiser.
    """
    if not 2 <= sentences <= 30 or rate < 8000:
        raise ConfigError(
            f"{sentences} sentences at {rate} Hz cannot be made; 2 to 30 sentences, at least 8000 Hz"
        )
    folder, cast = Path(folder), cast_voices(voices, seed)
    key = digest([{name: [asdict(v) for v in group] for name, group in cast.items()}, sentences, seed, rate])
    if not is_fresh([folder / OVERVIEW], key):
        run_alone(_write_corpus, str(folder.absolute()), voices, sentences, seed, rate)
        mark_fresh([folder / OVERVIEW], key)
    return folder


def run_alone(function: Callable[..., None], *arguments: Any) -> None:
    """Call a module's function in a process of its own: what eSpeak says depends on what it said before.

    Parameters
    ----------
    function : callable
        Found by its name in its module.
    *arguments
        What JSON can hold.

    Raises
    ------
    DataError
        If it fails.
    """
    call = json.dumps([function.__module__, function.__name__, arguments])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _CALL, call], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise DataError(
            f"the corpus could not be made: {last.removeprefix('pse_plugins.errors.DataError: ')}"
        )


_CALL = """import importlib, json, sys
module, name, arguments = json.loads(sys.argv[1])
getattr(importlib.import_module(module), name)(*arguments)"""


def _write_corpus(folder: str, voices: int, sentences: int, seed: int, rate: int) -> None:
    """Speak everything, in place of what was there."""
    root, overview = Path(folder), Path(folder) / OVERVIEW
    if overview.is_file():
        for id, about in read_json(overview, "list of voices").items():
            shutil.rmtree(root / about["set"] / id, ignore_errors=True)
    cast = cast_voices(voices, seed)
    write_json(overview, {v.id: {**asdict(v), "set": name} for name, group in cast.items() for v in group})
    trained, held = read_sentences()
    for name, group in cast.items():
        for voice in group:
            _record(
                root / name / voice.id, voice, trained if name == "train" else held, sentences, seed, rate
            )


def _record(folder: Path, voice: Voice, texts: Sequence[str], count: int, seed: int, rate: int) -> None:
    """Write one speaker's recordings and transcripts."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for i, text in enumerate(random.Random(f"{seed} {voice.id}").sample(texts, count)):
        id = f"{voice.id}-{i:02d}"
        soundfile.write(
            folder / f"{id}.flac", speak(voice, text, rate, seed=seed * 1000 + i), rate, subtype="PCM_16"
        )
        words = "".join(c for c in text.upper() if c.isalpha() or c in " '")
        lines.append(f"{id} {words}\n")
    (folder / f"{voice.id}.trans.txt").write_text("".join(lines), "utf-8")
