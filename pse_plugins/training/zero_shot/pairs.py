"""Pairs of noisy utterances to learn voices from: what they share is the voice, not the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...data import MixtureDataset
from ...data.augment import EnrolmentAugmentation
from ...data.batch import pad
from ...data.law import check_range
from ...data.mixing import mix
from ...data.plan import Part, Plan
from ...errors import ConfigError

MODES = ("within", "across", "both")


@dataclass(frozen=True)
class Pair:
    """Two noisy utterances of one voice.

    Parameters
    ----------
    first, second : ndarray
        float32 ``[S]`` each.
    voice : str
        Whose.
    """

    first: np.ndarray
    second: np.ndarray
    voice: str


@dataclass(frozen=True)
class PairBatch:
    """Noisy utterances, the two of each pair one after the other.

    Parameters
    ----------
    mixture : Tensor
        float32 ``[2B, S]``, zero beyond each one's length.
    lengths : Tensor
        int64 ``[2B]``, in samples.
    voices : list of str
        ``2B`` of them.
    """

    mixture: Tensor
    lengths: Tensor
    voices: list[str]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> PairBatch:
        """Move the tensors to a device."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=non_blocking) for name in ("mixture", "lengths")
        }
        return replace(self, **moved)


def collate_pairs(pairs: Sequence[Pair]) -> PairBatch:
    """Put pairs into a batch."""
    mixture, lengths = pad([x for pair in pairs for x in (pair.first, pair.second)])
    return PairBatch(mixture, lengths, [pair.voice for pair in pairs for _ in range(2)])


class PairDataset(Dataset[Pair]):
    """Pairs drawn on the fly from the recordings and noises of a `MixtureDataset`.

    The two utterances are disjoint stretches of one recording, or of two recordings of the voice. Each has its own
    noise, SNR, level and tone, so that it is the voice that they share and not the microphone.

    Parameters
    ----------
    mixtures : MixtureDataset
        Gives voices, noises, law and seed.
    size : int
        Pairs in an epoch.
    mode : {"within", "across", "both"}
        Two stretches of one recording; two recordings; or either with equal chance, where a voice has two.
    tilt : float
        Largest coefficient, up to 0.9, of the filter that makes each utterance brighter or duller.
    level_db : pair of float
        Range of each one's RMS level, in dB below full scale.
    voices : sequence of str or None
        Whose; all of the dataset's when None.

    Raises
    ------
    ConfigError
        If the mode is unknown, or no voice has two recordings where they are wanted.
    """

    def __init__(
        self,
        mixtures: MixtureDataset,
        size: int,
        mode: str = "both",
        tilt: float = 0.5,
        level_db: Sequence[float] = (-38.0, -18.0),
        voices: Sequence[str] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"no mode {mode!r} of pairs; modes: {', '.join(MODES)}")
        check_range("level_db", level_db, -80, 0)
        self.mixtures, self.size, self.mode = mixtures, size, mode
        self.change = EnrolmentAugmentation(level_db=level_db, tilt=tilt)
        self.voices = list(voices or mixtures.drawer.voices)
        if mode == "across":
            self.voices = [v for v in self.voices if len(mixtures.speech.utterances(v)) > 1]
        if not self.voices:
            raise ConfigError("no voice has two recordings to compare; use pairs within a recording")
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Draw other pairs."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Pair:
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng = np.random.default_rng([self.mixtures.seed, 1 << 22, int(self._epoch), index])
        voice = self.voices[rng.integers(len(self.voices))]
        first, second = (self._noisy(part, voice, rng) for part in self._parts(voice, rng))
        return Pair(first, second, voice)

    def _parts(self, voice: str, rng: np.random.Generator) -> tuple[Part, Part]:
        """Draw two stretches that share no sample."""
        speech, wanted = self.mixtures.speech, self.mixtures.drawer.segment
        ids = speech.utterances(voice)
        if len(ids) > 1 and (self.mode == "across" or (self.mode == "both" and rng.random() < 0.5)):
            first, second = rng.choice(len(ids), 2, replace=False)
            return self._stretch(ids[first], wanted, rng), self._stretch(ids[second], wanted, rng)
        id = ids[rng.integers(len(ids))]
        size = speech.outline(id).size
        length = min(wanted, size // 2)
        start = int(rng.integers(size - 2 * length + 1))
        after = int(rng.integers(start + length, size - length + 1))
        parts = Part("speech", id, start, length), Part("speech", id, after, length)
        return parts if rng.random() < 0.5 else (parts[1], parts[0])

    def _stretch(self, id: str, wanted: int, rng: np.random.Generator) -> Part:
        size = self.mixtures.speech.outline(id).size
        length = min(wanted, size)
        return Part("speech", id, int(rng.integers(size - length + 1)), length)

    def _noisy(self, target: Part, voice: str, rng: np.random.Generator) -> np.ndarray:
        """Add noise of a drawn SNR, and change level and tone of all."""
        drawer, snr = self.mixtures.drawer, self.mixtures.law.snr
        noise = drawer.noise_part(target.length, rng)
        plan = Plan("pair", "ambient", float(rng.uniform(snr[0], snr[1])), voice, target, (noise,), (), ())
        made = mix(plan, self.mixtures.speech, self.mixtures.noise, enrolment_audio="none")
        return self.change(made.mixture, self.mixtures.speech.rate, rng)
