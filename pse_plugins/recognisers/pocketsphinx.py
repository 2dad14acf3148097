"""PocketSphinx: small, offline, and weak."""

from __future__ import annotations

import importlib.util

import numpy as np

from ..errors import PseError
from .local import RATE, find, hear, write

REMEDY = 'pocketsphinx is not installed: pip install "pse-plugins[wer]"'


class Pocketsphinx:
    """PocketSphinx (Huggins-Daines et al., 2006): hidden Markov models and a trigram model of US English.

    Its package brings the models, so that it needs no network. It is weak: of LibriSpeech's hard test speakers it
    gets well over half of the words wrong without any noise. Take its rates as differences between systems.

    Parameters
    ----------
    acoustic_model : str or None
        A folder; None for the one in the package, as for the others.
    language_model : str or None
        An n-gram model, ARPA or binary.
    dictionary : str or None
        How words are pronounced, in CMU's format.

    Raises
    ------
    PseError
        If the package is not installed.
    ConfigError
        If a path leads nowhere, or to no such model.
    """

    def __init__(
        self,
        acoustic_model: str | None = None,
        language_model: str | None = None,
        dictionary: str | None = None,
    ) -> None:
        if self.available():
            raise PseError(self.available())
        from pocketsphinx import Decoder

        asked = {
            "hmm": (acoustic_model, "acoustic_model", "an acoustic model's folder"),
            "lm": (language_model, "language_model", "an n-gram model"),
            "dict": (dictionary, "dictionary", "a dictionary"),
        }
        paths = {key: str(find(*about)) for key, about in asked.items() if about[0] is not None}
        try:
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL", **paths)
        except RuntimeError as error:
            raise ValueError(
                f"PocketSphinx does not start with {paths or 'its own model'} ({error})"
            ) from error

    @staticmethod
    def available() -> str:
        """Say what is missing for this recogniser to work; empty if nothing is."""
        return "" if importlib.util.find_spec("pocketsphinx") else REMEDY

    def __call__(self, waveform: np.ndarray, rate: int) -> str:
        """Transcribe a waveform ``[S]`` at a rate in Hz.

        It is heard as a whole and with fresh features: level, channel and noise are its own, not of what came before.
        """
        samples = hear(waveform, rate)
        if not samples.size:
            return ""
        pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
        self._decoder.reinit_feat()  # else its estimate of noise lives on
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return write(found.hypstr) if found else ""
