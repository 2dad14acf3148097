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
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pse_runtime import audio
from scipy.signal import lfilter

from ..errors import ConfigError, DataError
from .corpora import SPEAKERS
from .manifest import check_replaceable, digest, is_fresh, mark_fresh, read_json, write_json
from .voices import ACCENTS, Voice, cast_voices

OVERVIEW = "voices.json"
"""Which voices a corpus has, and how they were made."""

_RATE, _SYNCHRONOUS, _UTF8 = 1, 2, 1  # of espeak's speak_lib.h
_LEVEL_DB = -26.0


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
            data = Path(espeakng_loader.get_data_path())
            self._folder = tempfile.TemporaryDirectory(prefix="pse-espeak-")
            self._variants = _copy_english(data, Path(self._folder.name))
        except (ImportError, OSError) as error:
            raise DataError(f'no speech synthesiser ({error}); pip install "pse-plugins[demo]"') from error
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, self._folder.name.encode(), 0)
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
        """Speak a text; float32 ``[S]`` at `rate`, before the tilt.

        Raises
        ------
        DataError
            If this eSpeak lacks the voice.
        """
        (self._variants / "one").write_text(voice.variant(), "utf-8")
        name = f"{ACCENTS[voice.accent]}+one"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise DataError(f'eSpeak has no voice {name}; pip install --upgrade "pse-plugins[demo]"')
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))  # breath and flutter
        self._library.espeak_SetParameter(_RATE, voice.words_per_minute, 0)
        self._blocks.clear()
        words = text.encode() + b"\0"
        self._library.espeak_Synth(words, ctypes.c_size_t(len(words)), 0, 0, 0, _UTF8, None, None)
        if not self._blocks:
            raise DataError(f'eSpeak said nothing for {name}; pip install --upgrade "pse-plugins[demo]"')
        return np.concatenate(self._blocks).astype(np.float32) / np.float32(32768)


def _copy_english(data: Path, folder: Path) -> Path:
    """Copy eSpeak's data for English, so that our voices can stand beside it; gives the folder for them."""
    target = folder / "espeak-ng-data"
    variants = target / "voices" / "!v"
    variants.mkdir(parents=True)
    for name in ("phondata", "phonindex", "phontab", "intonations", "en_dict"):
        shutil.copy(data / name, target / name)
    shutil.copytree(data / "lang" / "gmw", target / "lang" / "gmw")
    return variants


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
    samples = audio.resample(samples, synthesiser.rate, rate)
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
    ``<voice>.trans.txt``, the voices in ``voices.json``, and who sounds like a man or a woman in LibriSpeech's
    ``SPEAKERS.TXT``. Test voices, and their sentences, are not trained on.

    Parameters
    ----------
    folder : str or Path
        Where.
    voices : int
        How many in all, from 12 to 1000.
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
        If there is no synthesiser, or the folder has another corpus.
    """
    if not 2 <= sentences <= 30 or rate < 8000:
        raise ConfigError(
            f"{sentences} sentences at {rate} Hz cannot be made; 2 to 30 sentences, at least 8000 Hz"
        )
    folder, cast = Path(folder), cast_voices(voices, seed)
    made = digest([{name: [asdict(v) for v in group] for name, group in cast.items()}, sentences, seed, rate])
    key = f"{voices} voices of {sentences} sentences (seed {seed}, {rate} Hz); {made}"
    overview, speakers = folder / OVERVIEW, folder / SPEAKERS
    if speakers.is_file() and not overview.is_file():
        raise DataError(f"{speakers} is not of synthetic voices and is left as it is; name another folder")
    check_replaceable(overview, key)
    if not (is_fresh([overview], key) and speakers.is_file()):
        run_alone(_write_corpus, str(folder.absolute()), voices, sentences, seed, rate)
        mark_fresh([overview], key)
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
    """Speak everything, in place of what an interrupted run left."""
    root, overview = Path(folder), Path(folder) / OVERVIEW
    if overview.is_file():
        for id, about in read_json(overview, "list of voices").items():
            shutil.rmtree(root / about["set"] / id, ignore_errors=True)
    cast = cast_voices(voices, seed)
    write_json(overview, {v.id: {**asdict(v), "set": name} for name, group in cast.items() for v in group})
    listed = [f"{v.id} | {v.gender} | {name} | {v.accent}\n" for name, group in cast.items() for v in group]
    (root / SPEAKERS).write_text("".join(listed), "utf-8")
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
