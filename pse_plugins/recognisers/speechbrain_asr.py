"""SpeechBrain's recognisers of encoder and decoder."""

from __future__ import annotations

import numpy as np
import torch

from .local import find, hear, write

_OWN_PATH = "pretrained_path"  # the key by which a model from the hub names where its files are


class SpeechBrainAsr:
    """Any model of SpeechBrain's ``EncoderDecoderASR``: CRDNN, Transformer or Conformer, with its own search.

    Parameters
    ----------
    model : str or None
        A folder with ``hyperparams.yaml`` and the files that it names, as downloaded from the hub. That file can
        name any Python to run: take it only from somebody you trust.
    device : str
        Where it runs.

    Raises
    ------
    ConfigError
        If there is no such folder, or it holds no such model.
    """

    def __init__(self, model: str | None = None, device: str = "cpu") -> None:
        folder = find(model, "model", "a folder with SpeechBrain's hyperparams.yaml").absolute()
        settings = find(folder / "hyperparams.yaml", "model", "a folder with SpeechBrain's hyperparams.yaml")
        from speechbrain.inference.ASR import EncoderDecoderASR
        from speechbrain.utils.fetching import FetchConfig, LocalStrategy

        named = any(line.startswith(f"{_OWN_PATH}:") for line in settings.read_text("utf-8").splitlines())
        try:
            self._model = EncoderDecoderASR.from_hparams(
                source=str(folder),
                overrides={_OWN_PATH: str(folder)} if named else {},
                run_opts={"device": device},
                local_strategy=LocalStrategy.NO_LINK,
                fetch_config=FetchConfig(allow_network=False),
            )
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:240]
            raise ValueError(
                f"{folder}: cannot be used as SpeechBrain's EncoderDecoderASR ({reason})"
            ) from error

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz."""
        samples = torch.from_numpy(hear(waveform, rate)).unsqueeze(0)  # [1, S]
        words, _ = self._model.transcribe_batch(samples, torch.ones(1))
        return write(words[0])
