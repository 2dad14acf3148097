"""A corpus of eight 'speakers', each a harmonic tone of its own pitch, and some noises; made in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


def write_corpus(
    folder: Path, recordings: Callable[[int], int], seconds: float = 3.0, noises: int = 4
) -> None:
    """Write ``speech/<speaker>/<n>.wav``, so many recordings of each speaker, and ``noise/<n>.wav``."""
    time, rng = np.arange(round(seconds * RATE)) / RATE, np.random.default_rng(0)
    for s in range(8):
        tone = sum(np.sin(2 * np.pi * (90 + 23 * s) * k * time) / k for k in range(1, 8))
        (folder / "speech" / f"s{s}").mkdir(parents=True)
        for u in range(recordings(s)):
            rhythm = 1 + np.sin(2 * np.pi * (3 + u) * time)
            soundfile.write(folder / "speech" / f"s{s}" / f"{u}.wav", 0.05 * tone * rhythm, RATE)
    (folder / "noise").mkdir()
    for n in range(noises):
        soundfile.write(folder / "noise" / f"{n}.wav", 0.1 * rng.standard_normal(12000), RATE)
