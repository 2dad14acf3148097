"""How well a speaker encoder tells voices apart: equal error rates of clips as they were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...contracts import SpeakerEncoder
from ...data import SpeechPool
from ...errors import DataError
from .objectives import verification_scores

_BATCH = 16


@dataclass(frozen=True)
class Clips:
    """Clips to compare.

    Parameters
    ----------
    signals : list of ndarray
        float32 ``[S]``, all of one length.
    voices, recordings : list of str
        Whose each is, and what it was cut from.
    """

    signals: list[np.ndarray]
    voices: list[str]
    recordings: list[str]


def cut_clips(speech: SpeechPool, voices: Iterable[str], seconds: float) -> Clips:
    """Cut all recordings of voices into clips that do not overlap; what is shorter is left out.

    Raises
    ------
    DataError
        If there are not clips of two voices.
    """
    clips, size = Clips([], [], []), round(seconds * speech.rate)
    for voice in voices:
        for id in speech.utterances(voice):
            for start in range(0, speech.outline(id).size - size + 1, size):
                clips.signals.append(speech.segment(id, start, size))
                clips.voices.append(voice)
                clips.recordings.append(id)
    if len(set(clips.voices)) < 2:
        raise DataError(
            f"clips of {len(set(clips.voices))} speaker(s) of {seconds:g} s; two or more are needed to compare"
        )
    return clips


@torch.no_grad()
def embed_clips(encoder: SpeakerEncoder, signals: Sequence[np.ndarray]) -> np.ndarray:
    """Give each clip's vector, of unit length, ``[n, E']``."""
    device = next(iter([*encoder.parameters(), torch.zeros(0)])).device
    rows = []
    for start in range(0, len(signals), _BATCH):
        waveforms = torch.from_numpy(np.stack(signals[start : start + _BATCH])).unsqueeze(1)  # [B, 1, S]
        lengths = torch.full(waveforms.shape[:2], waveforms.shape[2])
        rows.append(encoder(waveforms.to(device), lengths.to(device)).vectors[:, 0].float().cpu())
    vectors = torch.cat(rows).numpy()
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def equal_error_rates(encoder: SpeakerEncoder, clips: Clips) -> dict[str, float]:
    """Compare all pairs of clips by the cosine of their vectors.

    Returns
    -------
    dict
        The equal error rate in [0, 1], where two clips of a voice are of one recording (``"within"``), and where they
        are of two (``"across"``), as far as there are such pairs; the first is the easier, as microphone and room
        match. Clips of two voices count in both.
    """
    vectors = embed_clips(encoder, clips.signals)
    scores = {
        mode: verification_scores(vectors, clips.voices, clips.recordings, mode)
        for mode in ("within", "across")
    }
    return {mode: found["eer"] for mode, found in scores.items() if found}
