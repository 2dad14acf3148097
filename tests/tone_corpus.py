"""A corpus of eight 'speakers', each a harmonic tone of its own pitch, and some noises; made in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000

RECIPE = """
seed: 1
data_folder: !PLACEHOLDER
noise_folder: !PLACEHOLDER
output_folder: results
speaker_encoder: gru-siamese
speaker_encoder_options: {sample_rate: 8000, hidden: 6, layers: 1}
conditioner: film
conditioner_options: {}
backbone: gru
backbone_options: {layers: 1, hidden: 8}
sample_rate: 8000
frontend_options: {frame: 256, hop: 64}
data: !name:pse_plugins.data.folder_sets
    data_folder: !ref <data_folder>
    noise_folder: !ref <noise_folder>
    save_folder: !ref <output_folder>/data
    held_speakers: 2
    rate: 8000
    epoch_size: 4
    valid_size: 2
    test_size: 4
    test_seed: 0
    seed: !ref <seed>
    law: {segment: 1.0, enrolment_seconds: 1.0, scenarios: {ambient: 1, babble: 1}}
lr: 0.001
opt_class: !name:torch.optim.Adam
    lr: !ref <lr>
number_of_epochs: 1
batch_size: 2
threads: 1
noprogressbar: True
"""
"""Trains a tiny network on such a corpus."""


def write_corpus(
    folder: Path,
    recordings: Callable[[int], int],
    seconds: float = 3.0,
    noises: int = 4,
    speakers: int = 8,
) -> None:
    """Write ``speech/<speaker>/<n>.wav``, so many recordings of each speaker, and ``noise/<n>.wav``."""
    time, rng = np.arange(round(seconds * RATE)) / RATE, np.random.default_rng(0)
    for s in range(speakers):
        tone = sum(np.sin(2 * np.pi * (90 + 23 * s) * k * time) / k for k in range(1, 8))
        (folder / "speech" / f"s{s}").mkdir(parents=True)
        for u in range(recordings(s)):
            rhythm = 1 + np.sin(2 * np.pi * (3 + u) * time)
            soundfile.write(folder / "speech" / f"s{s}" / f"{u}.wav", 0.05 * tone * rhythm, RATE)
    (folder / "noise").mkdir()
    for n in range(noises):
        soundfile.write(folder / "noise" / f"{n}.wav", 0.1 * rng.standard_normal(12000), RATE)
