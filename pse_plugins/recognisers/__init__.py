"""Speech recognisers for word error rates; the model of each has to be on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.recognisers"


@hookimpl
def pse_recognisers() -> Iterable[Component]:
    """Offer the built-in recognisers."""
    yield Component(
        "pocketsphinx",
        f"{_HERE}.pocketsphinx:Pocketsphinx",
        "weak, but its model of US English is in its package",
    )
    yield Component(
        "speechbrain-asr",
        f"{_HERE}.speechbrain_asr:SpeechBrainAsr",
        "SpeechBrain's EncoderDecoderASR, from a folder",
    )
    yield Component("whisper", f"{_HERE}.whisper:Whisper", "OpenAI's Whisper, from a file of weights")
    yield Component("silero", f"{_HERE}.silero:Silero", "Silero's speech to text, from a TorchScript file")
