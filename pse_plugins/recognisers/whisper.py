"""OpenAI's Whisper."""

from __future__ import annotations

import importlib.util

import numpy as np

from ..errors import PseError
from .local import find, hear, write

REMEDY = "whisper is not installed: pip install openai-whisper"


class Whisper:
    """Whisper (Radford et al., 2022), by greedy search: at temperature 0 the same sound gives the same words.

    Its text has punctuation, which scoring takes away, and numbers in digits, which it does not.

    Parameters
    ----------
    model : str or None
        A file of weights, such as ``base.en.pt``, as the package ``openai-whisper`` keeps them below
        ``~/.cache/whisper``.
    language : str
        What is spoken.
    device : str
        Where it runs.

    Raises
    ------
    PseError
        If the package is not installed.
    ConfigError
        If there is no such file, or it holds no such network.
    """

    def __init__(self, model: str | None = None, language: str = "en", device: str = "cpu") -> None:
        if self.available():
            raise PseError(self.available())
        import whisper

        path = find(model, "model", "a file of Whisper's weights")
        try:
            self._network = whisper.load_model(str(path), device=device)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise ValueError(f"{path}: does not hold Whisper's weights ({reason})") from error
        self._language = language

    @staticmethod
    def available() -> str:
        """Say what is missing for this recogniser to work; empty if nothing is."""
        return "" if importlib.util.find_spec("whisper") else REMEDY

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz."""
        said = self._network.transcribe(
            hear(waveform, rate),
            language=self._language,
            temperature=0.0,
            condition_on_previous_text=False,
            fp16=False,
        )
        return write(said["text"])
