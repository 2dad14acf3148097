"""Batches of mixtures, padded at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .plan import Mixture
from .pools import ClipRef


@dataclass(frozen=True)
class MixtureBatch:
    """What a training step takes.

    Parameters
    ----------
    ids, scenarios, speakers : list of str
        One an item; the target's voice.
    mixture, target : Tensor
        float32 ``[B, S]``, zero beyond each item's length.
    lengths : Tensor
        int64 ``[B]``, in samples.
    enrolment : Tensor
        float32 ``[B, Q, S']`` at the encoder's rate.
    enrolment_lengths : Tensor
        int64 ``[B, Q]``, in samples; 0 marks an absent clip.
    clips : list of list of ClipRef
        Where each item's enrolment comes from; empty lists where it may not be cached.
    snrs : Tensor
        float32 ``[B]``, in dB.
    """

    ids: list[str]
    mixture: Tensor
    target: Tensor
    lengths: Tensor
    enrolment: Tensor
    enrolment_lengths: Tensor
    clips: list[list[ClipRef]]
    scenarios: list[str]
    snrs: Tensor
    speakers: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> MixtureBatch:
        """Move the tensors to a device."""
        return replace(
            self, **{k: v.to(device, non_blocking=non_blocking) for k, v in self._tensors().items()}
        )

    def pin_memory(self) -> MixtureBatch:
        """Move the tensors to pinned memory; a DataLoader calls this."""
        return replace(self, **{k: v.pin_memory() for k, v in self._tensors().items()})

    def _tensors(self) -> dict[str, Any]:
        """Fields that are tensors."""
        return {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), Tensor)}


def collate(items: Sequence[Mixture]) -> MixtureBatch:
    """Put items into a batch.

    Parameters
    ----------
    items : sequence of Mixture
        ``B`` of them, of any lengths and numbers of clips.

    Returns
    -------
    MixtureBatch
        Padded with zeros at the end, and with absent clips of length 0.
    """
    count = max(1, *(len(item.enrolment) for item in items))
    absent = np.zeros(0, np.float32)
    clips = [c for item in items for c in (*item.enrolment, *[absent] * (count - len(item.enrolment)))]
    enrolment, lengths = pad(clips)
    mixture, sizes = pad([item.mixture for item in items])
    return MixtureBatch(
        ids=[item.id for item in items],
        mixture=mixture,
        target=pad([item.target for item in items])[0],
        lengths=sizes,
        enrolment=enrolment.unflatten(0, (len(items), count)),  # [B, Q, S']
        enrolment_lengths=lengths.unflatten(0, (len(items), count)),  # [B, Q]
        clips=[item.clips for item in items],
        scenarios=[item.scenario for item in items],
        snrs=torch.tensor([item.snr for item in items], dtype=torch.float32),
        speakers=[item.speaker for item in items],
    )


def pad(signals: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Stack signals ``[S]`` of different lengths as ``[B, S]``, zero at the end; also their lengths ``[B]``."""
    lengths = torch.tensor([x.size for x in signals])
    stacked = np.zeros((len(signals), int(lengths.max())), np.float32)
    for row, x in zip(stacked, signals, strict=True):
        row[: x.size] = x
    return torch.from_numpy(stacked), lengths
