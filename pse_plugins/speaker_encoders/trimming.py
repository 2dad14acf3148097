"""Clips without their long silences."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FRAME = 160
"""Samples in a frame: 10 ms at 16 kHz."""
DEPTH_DB = 40.0
"""A frame is speech when it is at most this below the loudest 2 % of the clip's frames."""
HANGOVER = 20
"""Frames kept before and after speech: pauses of up to 0.4 s stay as they are."""


def without_silence(waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Move what is kept of each clip to its start; a clip that is silent throughout stays whole.

    Parameters
    ----------
    waveforms : Tensor
        ``[B, S]`` at 16 kHz, zero beyond the lengths.
    lengths : Tensor
        ``[B]`` in samples.

    Returns
    -------
    waveforms : Tensor
        ``[B, S]``, zero beyond the new lengths.
    lengths : Tensor
        ``[B]``, shorter where there was silence.

    Examples
    --------
    >>> clip = torch.cat([torch.zeros(1, 16000), torch.ones(1, 8000)], dim=1)
    >>> without_silence(clip, torch.tensor([24000]))[1]  # the speech and 0.2 s before it
    tensor([11200])
    """
    samples = torch.arange(waveforms.shape[1], device=waveforms.device)
    padded = functional.pad(waveforms.detach(), (0, -waveforms.shape[1] % FRAME))
    energy = padded.unflatten(1, (-1, FRAME)).square().mean(2)  # [B, frames]
    rank = ((lengths // FRAME) // 50).unsqueeze(1)
    loud = energy.topk(energy.shape[1] // 50 + 1, dim=1).values.gather(1, rank)
    speech = (energy >= loud * 10 ** (-DEPTH_DB / 10)).to(energy.dtype)
    near = functional.max_pool1d(speech.unsqueeze(1), 2 * HANGOVER + 1, 1, HANGOVER).squeeze(1) > 0
    keep = near.repeat_interleave(FRAME, 1)[:, : waveforms.shape[1]] & (samples < lengths.unsqueeze(1))
    place = torch.where(keep, keep.long().cumsum(1) - 1, waveforms.shape[1])  # what is left out: one behind
    moved = functional.pad(torch.zeros_like(waveforms), (0, 1)).scatter(1, place, waveforms)
    return moved[:, :-1], keep.sum(1)
