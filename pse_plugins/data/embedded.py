"""The embedded corpus: synthetic voices and noise, made in seconds: anything can be tried without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .corpora import choose_noise, prepare_librispeech, prepare_noise
from .espeak import synthesise_corpus
from .sets import RecipeData, mixture_sets, with_options_of
from .synthetic_noise import FOLDS, synthesise_noise


def make_embedded(
    folder: str | Path, voices: int = 100, seed: int = 0, rate: int = 16000, sentences: int = 12
) -> Path:
    """Make speech and noise below a folder, unless they are there already.

    Parameters
    ----------
    folder : str or Path
        Gets ``speech/{train,valid,test}/<voice>/`` and ``noise/<kind>/``.
    voices : int
        How many in all, from 12 to 1000.
    seed : int
        The same seed gives the same recordings.
    rate : int
        In Hz.
    sentences : int
        How many each voice speaks, from 2 to 30; about 3.5 s each.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PseError
        If an option is out of range, or there is no speech synthesiser.
    """
    folder = Path(folder)
    synthesise_corpus(folder / "speech", voices=voices, sentences=sentences, seed=seed, rate=rate)
    synthesise_noise(folder / "noise", seed=seed, rate=rate)
    return folder


@with_options_of(mixture_sets)
def embedded_sets(
    *,
    data_folder: str,
    save_folder: str,
    voices: int = 100,
    sentences: int = 12,
    corpus_seed: int = 0,
    rate: int = 16000,
    **options: Any,
) -> RecipeData:
    """Make the embedded corpus and the sets of a recipe from it; no voice or noise is in two of them.

    Parameters
    ----------
    data_folder : str
        Where the corpus is, or will be.
    save_folder : str
        Where the manifests are written.
    voices, sentences, corpus_seed, rate : int
        Of the corpus; see `make_embedded`.
    **options
        Of `mixture_sets`, its ``seed`` among them.

    Raises
    ------
    PseError
        As `make_embedded`.
    """
    folder = make_embedded(data_folder, voices, corpus_seed, rate, sentences)
    save = Path(save_folder)
    sets = ("train", "valid", "test")
    train, valid, test = (
        prepare_librispeech(folder / "speech", name, save / f"{name}.json") for name in sets
    )
    noises = prepare_noise(folder / "noise", save / "noise.json")
    fit, held = choose_noise(noises, range(1, FOLDS)), choose_noise(noises, [FOLDS])
    return mixture_sets(train, valid, test, fit, held, rate=rate, **options)
