"""Silero's speech to text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from .local import find, hear, write

SHORTEST = 12800
"""Shorter sounds are padded to so many samples, as the network needs some."""


class Silero:
    """A network of Silero's that spells letter by letter (Silero Team, 2021), read without a language model.

    Parameters
    ----------
    model : str or None
        The TorchScript file, such as ``en_v6.jit`` of the silero-models project. Such a file is a program: take it
        only from somebody you trust, and read its licence.
    device : str
        Where it runs.

    Raises
    ------
    ConfigError
        If there is no such file, or it holds no such network.
    """

    def __init__(self, model: str | None = None, device: str = "cpu") -> None:
        path = find(model, "model", "a TorchScript file of Silero's speech to text")
        try:
            self._network = torch.jit.load(str(path), map_location=device).eval()
            self._labels = list(self._network.labels)
        except (RuntimeError, AttributeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise ValueError(
                f"{path}: is no TorchScript file of Silero's speech to text ({reason})"
            ) from error
        self._device = device

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz."""
        samples = hear(waveform, rate)
        padded = np.pad(samples, (0, max(0, SHORTEST - samples.size)))
        with torch.inference_mode():
            scores = self._network(torch.from_numpy(padded).unsqueeze(0).to(self._device))[0]  # [T, L]
        return write(spell(scores.argmax(1).tolist(), self._labels))


def spell(best: Iterable[int], labels: Sequence[str]) -> str:
    """Read the best label of each frame: ``_`` is no letter, ``2`` the last letter once more.

    A letter that goes on over frames counts once.

    Examples
    --------
    >>> spell([1, 1, 0, 2, 3, 0, 4], ["_", "h", "o", "2", " "])
    'hoo '
    """
    text = ""
    for label in (labels[k] for k in best):
        if label == "2":
            text += text[-1:]
        elif label != "_" and label != text[-1:]:
            text += label
    return text
