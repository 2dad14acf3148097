"""Training, validation and test sets of a recipe, in one call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DataError
from .corpora import divide_noise, hold_out, prepare_librispeech, prepare_noise, prepare_speaker_folders
from .dataset import MixtureDataset
from .manifest import Utterance
from .pools import NoisePool, SpeechPool
from .split import TRAIN_CLEAN_100, speaker_split

logger = logging.getLogger(__name__)

AS_RECORDED = {
    "level_db": None,
    "tilt": 0.0,
    "rooms": 0.0,
    "noise_floors": 0.0,
    "same_gender": None,
    "enrolment_augmentation": None,
}
"""Options of mixtures that nothing is changed in: validation and test, if they do not say otherwise."""

Made = TypeVar("Made", bound=Callable[..., Any])


@dataclass(frozen=True)
class RecipeData:
    """What a recipe trains, validates and tests on; no speaker and no noise source is in two of them."""

    train: MixtureDataset
    valid: MixtureDataset
    test: MixtureDataset


def mixture_sets(
    train: Sequence[Utterance],
    valid: Sequence[Utterance],
    test: Sequence[Utterance],
    train_noise: Sequence[Utterance],
    test_noise: Sequence[Utterance],
    *,
    rate: int = 16000,
    enrolment_rate: int | None = None,
    speeds: Sequence[float] = (1.0,),
    formants: Sequence[float] = (1.0,),
    noise_speeds: Sequence[float] = (1.0,),
    noise_envelopes: Sequence[float] = (1.0,),
    epoch_size: int = 10000,
    valid_size: int = 200,
    test_size: int = 400,
    seed: int = 0,
    test_seed: int | None = None,
    law: Mapping[str, Any] = {},
    test_law: Mapping[str, Any] | None = None,
    max_bytes: int | None = None,
) -> RecipeData:
    """Pool recordings and draw mixtures of them.

    Parameters
    ----------
    train, valid, test, train_noise, test_noise : sequence of Utterance
        A tenth of the sources in ``train_noise`` goes to validation.
    rate, enrolment_rate : int
        Of mixtures and of enrolment clips, in Hz.
    speeds, formants : sequence of float
        Each training speaker is there once for each of the formants at each of the speeds.
    noise_speeds, noise_envelopes : sequence of float
        The same for each training noise, whose spectral envelope is moved as formants are.
    epoch_size, valid_size, test_size : int
        Items.
    seed : int
        Of everything drawn.
    test_seed : int or None
        Of the mixtures of validation and test, and of what is held out for them, so that trainings of several seeds are
        compared on the same; ``seed`` when None.
    law : mapping
        Options of `MixtureDataset` for training.
    test_law : mapping or None
        The same for validation and test, over what ``law`` says; its level, tilt, rooms, noise floors, genders and
        enrolment augmentation are off.
    max_bytes : int or None
        Memory that the training speech may take.
    """
    _remark_on_rate(rate, [*train, *valid, *test])
    fixed_seed = _fixed_seed(seed, test_seed)
    fit_noise, valid_noise = hold_out(train_noise, 0.1, fixed_seed)
    law = dict(law)
    fixed = {**law, **AS_RECORDED, **(test_law or {})}
    rates: dict[str, Any] = {"rate": rate, "enrolment_rate": enrolment_rate}
    train_pool = SpeechPool(train, **rates, speeds=speeds, formants=formants, max_bytes=max_bytes)
    noises = NoisePool(fit_noise, rate, speeds=noise_speeds, envelopes=noise_envelopes)
    fixed["seed"] = fixed_seed
    return RecipeData(
        MixtureDataset(train_pool, noises, size=epoch_size, seed=seed, **law),
        MixtureDataset(SpeechPool(valid, **rates), NoisePool(valid_noise, rate), size=valid_size, **fixed),
        MixtureDataset(SpeechPool(test, **rates), NoisePool(test_noise, rate), size=test_size, **fixed),
    )


def _fixed_seed(seed: int = 0, test_seed: int | None = None, **_: Any) -> int:
    """Give the seed of everything that validation and test are made of."""
    return seed if test_seed is None else test_seed


def _check_apart(speech: Sequence[Utterance], noises: Sequence[Utterance], noise_folder: str) -> None:
    """Refuse a noise folder that holds the speech, too: a voice would be learnt as noise.

    Raises
    ------
    DataError
        That names a recording.
    """
    voices = {u.path.absolute() for u in speech}
    if held := [n.path for n in noises if n.path.absolute() in voices]:
        raise DataError(
            f"{noise_folder} holds {len(held)} recordings of the speech, too, such as {held[0]}; name the folder that "
            "holds nothing but noise"
        )


def _remark_on_rate(rate: int, speech: Sequence[Utterance]) -> None:
    """Say that a network would learn that there is nothing in the upper bands."""
    highest = max((u.rate for u in speech), default=rate)
    if rate > highest:
        logger.warning(
            "mixtures at %d Hz, and no speech recording has anything above %g kHz; sample_rate %d is enough",
            *(rate, highest / 2000, highest),
        )


def with_options_of(inner: Callable[..., Any]) -> Callable[[Made], Made]:
    """Let a function that passes its ``**options`` on tell what they may be, so that a recipe can be checked.

    Parameters
    ----------
    inner : callable
        What they are passed to; its keyword-only parameters count.

    Returns
    -------
    callable
        A decorator that sets the function's signature.

    Examples
    --------
    >>> @with_options_of(mixture_sets)
    ... def make(*, folder: str, rate: int = 8000, **options): ...
    >>> list(inspect.signature(make).parameters)[:4]
    ['folder', 'rate', 'enrolment_rate', 'speeds']
    """

    def mark(function: Made) -> Made:
        own = inspect.signature(function)
        known = {k: p for k, p in own.parameters.items() if p.kind is not p.VAR_KEYWORD}
        inner_ones = inspect.signature(inner).parameters.items()
        known |= {k: p for k, p in inner_ones if p.kind is p.KEYWORD_ONLY and k not in known}
        function.__signature__ = own.replace(parameters=list(known.values()))  # type: ignore[attr-defined]
        return function

    return mark


@with_options_of(mixture_sets)
def librispeech_sets(
    *,
    data_folder: str,
    noise_folder: str,
    save_folder: str,
    train_subset: str = "train-clean-100",
    test_subset: str = "test-other",
    train_folds: Sequence[int] | None = (1, 2, 3, 4),
    test_folds: Sequence[int] | None = (5,),
    train_noises: Sequence[str] | None = None,
    test_noises: Sequence[str] | None = None,
    more_speech: str | None = None,
    more_noise: str | None = None,
    **options: Any,
) -> RecipeData:
    """Make the sets from LibriSpeech and a noise folder.

    Training and validation speakers are those of the global split of ``train-clean-100``; the test speakers are
    all of another subset, which no training touches, or, if it is the same subset, the split's test speakers.

    Parameters
    ----------
    data_folder : str
        Holds the subsets.
    noise_folder : str
        Holds the noise.
    save_folder : str
        Where the manifests are written.
    train_subset, test_subset : str
        Names of subsets.
    train_folds, test_folds : sequence of int or None
        ESC folds; not heeded in other layouts.
    train_noises, test_noises : sequence of str or None
        Subfolders: ``["noise/free-sound"]`` of MUSAN. Without folds and subfolders, a fifth of the noise
        sources is held out for test.
    more_speech, more_noise : str or None
        Folders of ``speaker/utterance`` and of noise that are trained on, too, all of them; such as those of
        `make_embedded`.
    **options
        Of `mixture_sets`.

    Raises
    ------
    DataError
        If a folder is missing or holds too little.
    """
    save = Path(save_folder)
    speech = prepare_librispeech(data_folder, train_subset, save / f"{train_subset}.json")
    split = speaker_split(speech, TRAIN_CLEAN_100 if train_subset == "train-clean-100" else None)
    test = split["test"]
    if test_subset != train_subset:
        test = prepare_librispeech(data_folder, test_subset, save / f"{test_subset}.json")
    noises = prepare_noise(noise_folder, save / "noise.json")
    _check_apart([*speech, *test], noises, noise_folder)
    train_noise, test_noise = divide_noise(
        noises, (train_folds, test_folds), (train_noises, test_noises), seed=_fixed_seed(**options)
    )
    train = list(split["train"])
    if more_speech is not None:
        train += prepare_speaker_folders(more_speech, save / "more-speech.json")
    if more_noise is not None:
        train_noise = [*train_noise, *prepare_noise(more_noise, save / "more-noise.json")]
    return mixture_sets(train, split["valid"], test, train_noise, test_noise, **options)


@with_options_of(mixture_sets)
def folder_sets(
    *,
    data_folder: str,
    noise_folder: str,
    save_folder: str,
    held_speakers: int = 20,
    held_noise: float = 0.2,
    **options: Any,
) -> RecipeData:
    """Make the sets from any ``speaker/utterance`` folder and any noise folder; see `librispeech_sets`.

    Parameters
    ----------
    held_speakers : int
        Speakers held out for validation, and as many for test.
    held_noise : float
        Share of the noise sources held out for test.
    """
    save, seed = Path(save_folder), _fixed_seed(**options)
    speech = prepare_speaker_folders(data_folder, save / "speech.json")
    noises = prepare_noise(noise_folder, save / "noise.json")
    _check_apart(speech, noises, noise_folder)
    split = speaker_split(speech, None, held_speakers, seed)
    train_noise, test_noise = hold_out(noises, held_noise, seed)
    return mixture_sets(split["train"], split["valid"], split["test"], train_noise, test_noise, **options)
