"""Speech and noise to train and test on: manifests, pools, mixtures drawn on the fly."""

from __future__ import annotations

from .batch import MixtureBatch, collate
from .dataset import MixtureDataset
from .law import SCENARIOS, MixingLaw
from .lists import TestList, read_test_list, write_test_list
from .manifest import Utterance, read_manifest, write_manifest
from .plan import Mixture, Plan
from .pools import ClipRef, NoisePool, SpeechPool
from .sets import RecipeData, folder_sets, librispeech_sets

__all__ = [
    "SCENARIOS",
    "ClipRef",
    "MixingLaw",
    "Mixture",
    "MixtureBatch",
    "MixtureDataset",
    "NoisePool",
    "Plan",
    "RecipeData",
    "SpeechPool",
    "TestList",
    "Utterance",
    "collate",
    "folder_sets",
    "librispeech_sets",
    "read_manifest",
    "read_test_list",
    "write_manifest",
    "write_test_list",
]
