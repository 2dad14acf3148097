"""What the tests of word errors share: items that say something, and a recogniser of pitch as a plugin."""

from dataclasses import replace

import pytest
from evaluation_rig import Items, a_list

from pse_plugins.evaluation import recognition

EARS = """
import numpy as np
from pse_plugins import Component, hookimpl

@hookimpl
def pse_recognisers():
    yield Component("pitch", "pse_fake_ears:Pitch", "hears whether the low or the high voice speaks")

class Pitch:
    def __init__(self, word: str = "low", moody: bool = False):
        self.word, self.moody = word, moody

    def __call__(self, waveform, rate):
        power = np.abs(np.fft.rfft(waveform)) ** 2
        low = power[: 250 * len(waveform) // rate].sum() / power.sum()
        if low < 0.1:
            if self.moody:
                raise MemoryError("not that voice")
            return "HIGH HIGH"
        return f"{self.word}, LOW \\u2013 low LOW." if low > 0.6 else "LOW HIGH LOW"
"""


@pytest.fixture
def ears(install):
    """Offer the recogniser ``pitch``: all words right of the low voice, none of the high one, half of a mixture."""
    recognition._build.cache_clear()
    install("pse-fake-ears", EARS)
    yield
    recognition._build.cache_clear()


def saying(count=6, words="low low low low", speakers=6):
    """Make items of two conditions that say the same words."""
    return Items(replace(item, words=words) for item in a_list(count, speakers))
