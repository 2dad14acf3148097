"""SpeechBrain's ECAPA-TDNN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..contracts import SpeakerCue, SpeakerEncoder
from ..errors import BundleError

HUB = "speechbrain/spkrec-ecapa-voxceleb"
"""Where SpeechBrain keeps its weights."""


class Ecapa(SpeakerEncoder):
    """ECAPA-TDNN embeddings (Desplanques et al., 2020): one token an utterance, equal to its vector.

    Clips are encoded one by one and unpadded, as padding would change its statistics.

    Parameters
    ----------
    weights : str or None
        A local folder with ``embedding_model.ckpt``, or a name on the model hub; None for random ones. Always frozen.
    channels : int
        Width of the convolutions; 1024 in SpeechBrain's weights.
    embedding : int
        Width of the vector; 192 there.

    Raises
    ------
    BundleError
        If the weights cannot be had, or are of another size.
    """

    sample_rate = 16000
    input = "waveform"

    def __init__(self, weights: str | None = HUB, channels: int = 1024, embedding: int = 192) -> None:
        super().__init__()
        from speechbrain.lobes.features import Fbank
        from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

        self.cue_dim = self.vector_dim = embedding
        self.fbank = Fbank(n_mels=80, sample_rate=self.sample_rate)
        attention = max(8, channels // 8)
        self.network = ECAPA_TDNN(
            80,
            lin_neurons=embedding,
            channels=[channels] * 4 + [3 * channels],
            attention_channels=attention,
            se_channels=attention,
        )
        if weights is not None:
            _load(self.network, _find(weights), weights)
        self.freeze()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode clips ``[B, Q, S]``, lengths ``[B, Q]`` in samples at 16 kHz."""
        vectors = waveforms.new_zeros(*lengths.shape, self.vector_dim)
        least = self.sample_rate // 10  # below 0.1 s its convolutions have nothing to work on
        for b, row in enumerate(lengths.tolist()):
            for q, length in enumerate(row):
                if length >= least:
                    vectors[b, q] = self._embed(waveforms[b, q, :length])
        return SpeakerCue(vectors.unsqueeze(2), (lengths >= least).unsqueeze(2), vectors)

    def _embed(self, clip: Tensor) -> Tensor:
        features = self.fbank(clip.unsqueeze(0).float())  # [1, N, 80]
        features = features - features.mean(1, keepdim=True)  # SpeechBrain's sentence normalisation
        dtype = next(self.network.parameters()).dtype
        return self.network(features.to(dtype))[0, 0]


def _find(source: str) -> Path:
    """Find the weights in a folder, or fetch them from the hub."""
    folder = Path(source)
    if folder.is_dir():
        path = folder / "embedding_model.ckpt"
        if not path.is_file():
            raise BundleError(
                f"{folder}: has no embedding_model.ckpt; give a folder as SpeechBrain writes it"
            )
        return path
    from speechbrain.utils.fetching import LocalStrategy, fetch

    try:
        found: Any = fetch("embedding_model.ckpt", source, local_strategy=LocalStrategy.NO_LINK)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise BundleError(
            f"{source}: no such folder, and the hub does not give it ({reason}); download the model where there "
            f"is a network, and give its folder: speaker_encoder_options: {{weights: FOLDER}}"
        ) from error
    return Path(found)


def _load(network: nn.Module, path: Path, source: str) -> None:
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise BundleError(
            f"{source}: not ECAPA-TDNN weights of this size ({reason}); set channels, embedding"
        ) from error
