"""Utterances to learn voices from: what those of one voice share is the voice, not the recording."""

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
from ...data.law import check_limit, check_range
from ...data.mixing import cut, mix
from ...data.plan import Part, Plan
from ...errors import ConfigError

MODES = ("within", "across", "both")


@dataclass(frozen=True)
class Utterances:
    """Some utterances of one voice.

    Parameters
    ----------
    heard : list of ndarray
        float32 ``[S]`` each, with noise, level and tilt of their own.
    clean : list of ndarray
        The same stretches as they were recorded.
    voice : str
        Whose.
    """

    heard: list[np.ndarray]
    clean: list[np.ndarray]
    voice: str


@dataclass(frozen=True)
class VoiceBatch:
    """Utterances of several voices, those of one after another.

    Parameters
    ----------
    mixture, clean : Tensor
        float32 ``[B, S]``, zero beyond each one's length: as heard, and as recorded.
    lengths : Tensor
        int64 ``[B]``, in samples.
    voices : list of str
        ``B`` of them.
    """

    mixture: Tensor
    clean: Tensor
    lengths: Tensor
    voices: list[str]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> VoiceBatch:
        """Move the tensors to a device."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=non_blocking)
            for name in ("mixture", "clean", "lengths")
        }
        return replace(self, **moved)


def collate_voices(items: Sequence[Utterances]) -> VoiceBatch:
    """Put the utterances of several voices into a batch."""
    mixture, lengths = pad([x for item in items for x in item.heard])
    clean, _ = pad([x for item in items for x in item.clean])
    return VoiceBatch(mixture, clean, lengths, [item.voice for item in items for _ in item.heard])


class VoiceDataset(Dataset[Utterances]):
    """Utterances drawn on the fly from the recordings and noises of a `MixtureDataset`.

    Those of one voice are stretches that share no sample, of one recording or of several. Each has its own noise, SNR,
    level and tilt, so that it is the voice that they share and not the microphone.

    Parameters
    ----------
    mixtures : MixtureDataset
        Gives voices, noises, law and seed.
    size : int
        Items in an epoch.
    utterances : int
        Of a voice in an item; the longest stretches are a law's ``segment``.
    mode : {"within", "across", "both"}
        Stretches of one recording; of as many recordings as the voice has; or either with equal chance, where a voice
        has several.
    clean : float
        Share of utterances that are left as they were recorded.
    tilt : float
        Largest coefficient, up to 0.9, of the filter that makes each utterance brighter or duller.
    level_db : pair of float
        Range of each one's RMS level, in dB below full scale.
    voices : sequence of str or None
        Whose; all of the dataset's when None.

    Raises
    ------
    ConfigError
        If an option is out of range, or no voice has two recordings where they are wanted.
    """

    def __init__(
        self,
        mixtures: MixtureDataset,
        size: int,
        utterances: int = 2,
        mode: str = "both",
        clean: float = 0.0,
        tilt: float = 0.5,
        level_db: Sequence[float] = (-38.0, -18.0),
        voices: Sequence[str] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"no mode {mode!r} of utterances; modes: {', '.join(MODES)}")
        if utterances < 2:
            raise ConfigError(f"utterances must be at least 2, to have some to compare, got {utterances}")
        check_limit("clean", clean)
        check_range("level_db", level_db, -80, 0)
        self.mixtures, self.size, self.utterances, self.mode, self.clean = (
            mixtures,
            size,
            utterances,
            mode,
            clean,
        )
        self.change = EnrolmentAugmentation(level_db=level_db, tilt=tilt)
        self.voices = list(voices or mixtures.drawer.voices)
        if mode == "across":
            self.voices = [v for v in self.voices if len(mixtures.speech.utterances(v)) > 1]
        if not self.voices:
            raise ConfigError("no voice has two recordings to compare; use utterances within a recording")
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Draw other utterances."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Utterances:
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng = np.random.default_rng([self.mixtures.seed, 1 << 22, int(self._epoch), index])
        voice = self.voices[rng.integers(len(self.voices))]
        parts = self.parts(voice, rng)
        clean = [cut(part, self.mixtures.speech, None) for part in parts]
        heard = [self._heard(part, x, voice, rng) for part, x in zip(parts, clean, strict=True)]
        return Utterances(heard, clean, voice)

    def parts(self, voice: str, rng: np.random.Generator) -> list[Part]:
        """Draw stretches of a voice that share no sample."""
        ids = self.mixtures.speech.utterances(voice)
        several = len(ids) > 1 and (self.mode == "across" or (self.mode == "both" and rng.random() < 0.5))
        chosen = rng.choice(len(ids), min(len(ids), self.utterances) if several else 1, replace=False)
        shares = [len(share) for share in np.array_split(range(self.utterances), len(chosen))]
        found = [part for i, n in zip(chosen, shares) for part in self._stretches(ids[i], n, rng)]
        return [found[i] for i in rng.permutation(len(found))]

    def _stretches(self, id: str, count: int, rng: np.random.Generator) -> list[Part]:
        """Draw stretches of one recording; a short one is divided among them."""
        size = self.mixtures.speech.outline(id).size
        length = min(self.mixtures.drawer.segment, size // count)
        free = np.sort(rng.integers(size - count * length + 1, size=count))
        return [Part("speech", id, int(at) + i * length, length) for i, at in enumerate(free)]

    def _heard(self, target: Part, clean: np.ndarray, voice: str, rng: np.random.Generator) -> np.ndarray:
        """Add noise of a drawn SNR, and change level and tilt of all; or leave it."""
        if self.clean and rng.random() < self.clean:
            return clean
        drawer, snr = self.mixtures.drawer, self.mixtures.law.snr
        noise = drawer.noise_part(target.length, rng)
        plan = Plan("voice", "ambient", float(rng.uniform(snr[0], snr[1])), voice, target, (noise,), (), ())
        made = mix(plan, self.mixtures.speech, self.mixtures.noise, enrolment_audio="none")
        return self.change(made.mixture, self.mixtures.speech.rate, rng)
