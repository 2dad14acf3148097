"""Mixtures on the fly: item i of epoch e is the same on any machine, with any number of workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ..errors import ConfigError, DataError, nearest
from .augment import EnrolmentAugmentation
from .drawing import Drawer
from .law import MixingLaw
from .mixing import mix
from .plan import Mixture
from .pools import NoisePool, SpeechPool


class MixtureDataset(Dataset[Mixture]):
    """Map-style dataset of mixtures drawn by a `MixingLaw`.

    Everything random about item ``i`` comes from one generator keyed on (seed, epoch, i).

    Parameters
    ----------
    speech : SpeechPool
        Target and competing voices.
    noise : NoisePool or None
        Ambient noises.
    size : int
        Items in an epoch.
    seed : int
        Another seed, other mixtures.
    enrolment_augmentation : mapping or None
        Options of `EnrolmentAugmentation`; None leaves enrolment clips as recorded.
    **law
        Options of `MixingLaw`: ``segment``, ``snr``, ``scenarios``, ``enrolments``, ...

    Attributes
    ----------
    enrolment_audio : str
        Whose enrolment clips items hold: ``"both"``, ``"right"`` (none of somebody else), or ``"none"`` where
        cues are looked up. It takes time to read them.

    Raises
    ------
    ConfigError
        If an option is unknown or out of range.
    DataError
        If there are too few usable speakers.
    """

    def __init__(
        self,
        speech: SpeechPool,
        noise: NoisePool | None,
        *,
        size: int,
        seed: int,
        enrolment_augmentation: Mapping[str, Any] | None = None,
        **law: Any,
    ) -> None:
        if size < 1 or seed < 0:
            raise ConfigError(f"size {size} must be at least 1, and seed {seed} at least 0")
        self.size, self.seed, self.speech, self.noise = size, seed, speech, noise
        self.drawer = Drawer(make(MixingLaw, law, beside=("enrolment_augmentation",)), speech, noise)
        self.augmentation = _augmentation(enrolment_augmentation, self.law)
        self.enrolment_audio = "both"
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # seen by workers that live on

    @property
    def epoch(self) -> int:
        """The epoch that items are drawn for."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw other mixtures; call before an epoch's first item, in the main process."""
        self._epoch.fill_(epoch)

    @property
    def keeps_clips(self) -> bool:
        """Whether enrolment clips are as recorded, so that cues of them can be kept."""
        return self.augmentation is None and not self.law.noise_floors

    @property
    def law(self) -> MixingLaw:
        """How mixtures are drawn."""
        return self.drawer.law

    def of(self, voices: Collection[str], size: int | None = None) -> MixtureDataset:
        """Give the same mixtures, of some of the voices only.

        Raises
        ------
        DataError
            If none of them is among those that can be used.
        """
        other = copy(self)
        other.drawer, other.size = copy(self.drawer), size or self.size
        other.drawer.voices = [voice for voice in self.drawer.voices if voice in voices]
        if not other.drawer.voices:
            raise DataError(
                f"none of {len(voices)} speakers has a recording that can be used; add recordings"
            )
        other._epoch = self._epoch.clone().share_memory_()
        return other

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Mixture:
        if not 0 <= index < self.size:
            raise IndexError(index)
        epoch = self.epoch
        rng = np.random.default_rng([self.seed, epoch, index])
        plan = self.drawer.draw(rng, f"{self.seed}-{epoch}-{index}")
        level = self.law.level_db
        wanted = None if level is None else float(rng.uniform(level[0], level[1]))
        item = mix(plan, self.speech, self.noise, wanted, self.enrolment_audio)
        if self.augmentation is None:
            return item
        enrolment = [self.augmentation(clip, self.speech.enrolment_rate, rng) for clip in item.enrolment]
        return replace(item, enrolment=enrolment, clips=[])


def _augmentation(options: Mapping[str, Any] | None, law: MixingLaw) -> EnrolmentAugmentation | None:
    """Build what changes enrolment clips, if anything is to."""
    name = "enrolment_augmentation"
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise ConfigError(f"{name} {options!r} must be a mapping, such as {{telephone: 0.3}}, or null")
    try:
        made: EnrolmentAugmentation = make(EnrolmentAugmentation, options)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    if made.seconds is not None and made.seconds[0] >= law.enrolment_seconds:
        raise ConfigError(
            f"{name}: seconds {list(made.seconds)} cut nothing from clips of {law.enrolment_seconds:g} s; begin "
            "below that, or raise enrolment_seconds"
        )
    return made


def make(kind: type, options: Mapping[str, Any], beside: Sequence[str] = ()) -> Any:
    """Build a record of options; an unknown one is an error that names the known, and others that stand beside them.

    Raises
    ------
    ConfigError
        If an option is unknown or of the wrong type.
    """
    known = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    for name in options:
        if name not in known:
            said = [*known, *beside]
            options_known = f"{nearest(name, said)}; options: {', '.join(said)}"
            raise ConfigError(f"no option {name!r} of {kind.__name__}{options_known}")
    try:
        return kind(**options)
    except TypeError as error:
        raise ConfigError(f"{kind.__name__}: {error}; check the types of its options") from error
