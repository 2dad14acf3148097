"""Time to make a training mixture: `MixtureDataset` beside the work of SpeechBrain's LibriMix dynamic mixing.

Both make 3 s of two competing speakers at 16 kHz from the same recordings, in one process on one thread, in turns.
The peer does what that recipe's item function does, written anew from its description: draw two speakers and a file
of each, ask for both lengths, read a window of each with ``audio_io``, bring each to a loudness drawn from -33 to
-25 LUFS with ``pyloudnorm``, add, and guard against clipping. Ours sets an SNR on active speech, chooses 1 to 5
enrolment clips of each of the two voices, and is timed without reading those clips (what training on cached cues
does: the same work as the peer's) and with them. So that the laws can be told apart from the reading, the peer is
timed with both ways of setting levels, and both are timed from disk (its cache warm) and from memory.

    pip install pyloudnorm
    python benchmarks/mixing.py                                         # synthetic recordings in a temporary folder
    python benchmarks/mixing.py --data_folder LibriSpeech/test-other    # any folder of speakers
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"

import random
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import torch

from pse_plugins import compat
from pse_plugins.data import MixtureDataset, SpeechPool, Utterance
from pse_plugins.data.activity import active_rms
from pse_plugins.data.corpora import prepare_speaker_folders

RATE, SEGMENT, PEAK = 16000, 48000, 0.9
Load = Callable[[Utterance, int, int], np.ndarray]
Level = Callable[[np.ndarray], np.ndarray]


def synthesise(folder: Path, speakers: int = 20, each: int = 3, seconds: int = 14) -> None:
    """Write recordings of noise in bursts, as long as LibriSpeech's, to ``folder/speaker/utterance.wav``."""
    rng = np.random.default_rng(0)
    for speaker in range(speakers):
        (folder / str(speaker)).mkdir()
        for k in range(each):
            samples = (
                rng.standard_normal(seconds * RATE) * 0.05 * (np.arange(seconds * RATE) % RATE < 0.7 * RATE)
            )
            soundfile.write(folder / str(speaker) / f"{k}.wav", samples, RATE, subtype="PCM_16")


def by_loudness(samples: np.ndarray) -> np.ndarray:
    """Bring a window to a loudness from -33 to -25 LUFS (ITU-R BS.1770), as the recipe does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loudness = pyloudnorm.Meter(RATE).integrated_loudness(samples)
        samples = pyloudnorm.normalize.loudness(samples, loudness, random.uniform(-33, -25))
    top = np.abs(samples).max()
    return samples * PEAK / top if top >= 1 else samples


def by_activity(samples: np.ndarray) -> np.ndarray:
    """Bring a window to an active level from -33 to -25 dBFS: our law."""
    return samples * np.float32(10 ** (random.uniform(-33, -25) / 20) / (active_rms(samples, RATE) or 1.0))


def peer(
    speakers: dict[str, list[Utterance]], load: Load, size: Callable[[Utterance], int], level: Level
) -> None:
    """Make one mixture the way of dynamic mixing."""
    pair = np.random.choice(list(speakers), 2, replace=False)
    files = [speakers[s][np.random.randint(len(speakers[s]))] for s in pair]
    length = min(SEGMENT, *(size(f) for f in files))
    windows = []
    for file in files:
        spare = size(file) - length
        windows.append(torch.from_numpy(level(load(file, np.random.randint(spare) if spare else 0, length))))
    sources = torch.stack(windows)
    mixture = sources.sum(0)
    scale = PEAK / max(float(mixture.abs().max()), PEAK)
    _ = mixture * scale, sources * scale


def peers(utterances: list[Utterance]) -> dict[str, Callable[[], None]]:
    """Give the four ways of the peer: from disk or memory, level by loudness or by activity."""
    compat.install()
    from speechbrain.dataio import audio_io

    held = {u.id: audio_io.load(str(u.path))[0][0].numpy() for u in utterances}
    speakers: dict[str, list[Utterance]] = {}
    for u in utterances:
        speakers.setdefault(u.speaker, []).append(u)

    def disk(u: Utterance, start: int, length: int) -> np.ndarray:
        return audio_io.load(str(u.path), frame_offset=start, num_frames=length)[0][0].numpy()

    def memory(u: Utterance, start: int, length: int) -> np.ndarray:
        return held[u.id][start : start + length]

    sizes = {disk: lambda u: audio_io.info(str(u.path)).num_frames, memory: lambda u: held[u.id].size}
    return {
        f"{place} {law}": lambda load=load, level=level: peer(speakers, load, sizes[load], level)
        for place, load in (("disk", disk), ("memory", memory))
        for law, level in (("loudness", by_loudness), ("activity", by_activity))
    }


def ours(utterances: list[Utterance]) -> dict[str, Callable[[], None]]:
    """Give our ways: everything in memory, or nothing kept so that windows are decoded; the mixture, or clips too."""

    def draw(max_bytes: int | None, audio: str) -> Callable[[], None]:
        pool = SpeechPool(utterances, RATE, preload=max_bytes is None, max_bytes=max_bytes)
        options = {"segment": SEGMENT / RATE, "scenarios": {"babble": 1}}
        dataset = MixtureDataset(pool, None, size=1 << 30, seed=0, **options)
        dataset.enrolment_audio = audio
        count = iter(range(1 << 30))
        return lambda: dataset[next(count)] and None

    return {
        f"{place} {what}": draw(max_bytes, audio)
        for place, max_bytes in (("memory", None), ("disk", 1))
        for what, audio in (("ours", "none"), ("clips", "both"))
    }


def measure(ways: dict[str, Callable[[], None]], rounds: int, items: int) -> dict[str, float]:
    """Time all ways in turns; median over rounds of the milliseconds of processor time an example."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, make in ways.items():
            make()
            begin = time.process_time()
            for _ in range(items):
                make()
            spent[name].append((time.process_time() - begin) / items * 1000)
    return {name: float(np.median(times)) for name, times in spent.items()}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data_folder", type=Path, help="speaker/.../utterance at 16 kHz; else synthetic ones"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--items", type=int, default=40, help="examples of each way in a round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.data_folder or Path(scratch) / "speech"
        if options.data_folder is None:
            folder.mkdir()
            synthesise(folder)
        utterances = prepare_speaker_folders(folder, Path(scratch) / "manifest.json")
        times = measure({**peers(utterances), **ours(utterances)}, options.rounds, options.items)
    print(f"milliseconds an example, one thread, {len(utterances)} recordings of {folder.name}")
    print(f"{'':8}{'dynamic mixing':>16}{'ours':>8}{'ratio':>8}   with clips   dynamic mixing, our level law")
    for place in ("disk", "memory"):
        theirs, mine, clips, law = (
            times[f"{place} {way}"] for way in ("loudness", "ours", "clips", "activity")
        )
        print(f"{place:8}{theirs:16.2f}{mine:8.2f}{theirs / mine:8.1f}   {clips:10.2f}   {law:.2f}")
    ratio = times["disk loudness"] / times["memory ours"]
    print(f"as each is used (dynamic mixing from disk, ours from memory): {ratio:.1f} times")


if __name__ == "__main__":
    main()
