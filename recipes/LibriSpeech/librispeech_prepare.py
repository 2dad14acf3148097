#!/usr/bin/env python3
"""Describe LibriSpeech and a noise folder in manifests, without training.

> python librispeech_prepare.py LibriSpeech noise save

Recipes do this themselves; run it to look at the manifests, or to use them with another tool: they are what
SpeechBrain's ``DynamicItemDataset.from_json(path, {"data_root": ...})`` reads. The training, validation and test
speakers are those of the one global split of train-clean-100.
"""

import sys
from pathlib import Path

from pse_plugins.data import write_manifest
from pse_plugins.data.corpora import prepare_librispeech, prepare_noise
from pse_plugins.data.split import TRAIN_CLEAN_100, speaker_split
from pse_plugins.errors import PseError


def prepare(data_folder: str, noise_folder: str, save_folder: str) -> None:
    """Write ``train.json``, ``valid.json``, ``test.json``, ``test-other.json`` and ``noise.json``."""
    save = Path(save_folder)
    speech = prepare_librispeech(data_folder, "train-clean-100", save / "train-clean-100.json")
    for part, utterances in speaker_split(speech, TRAIN_CLEAN_100).items():
        write_manifest(save / f"{part}.json", utterances)
    prepare_librispeech(data_folder, "test-other", save / "test-other.json")
    prepare_noise(noise_folder, save / "noise.json")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        prepare(*sys.argv[1:])
    except PseError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
