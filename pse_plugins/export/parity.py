"""Does what was exported do the same? Both run as streams, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pse_runtime.model import Model

from ..contracts import SpeakerCue
from ..enhancer import Enhancer
from ..errors import BundleError
from ..metrics.si_sdr import SiSdr
from ..profile import Profile

MOST = 2e-5
"""Largest difference of a float32 export, full scale being 1."""
LEAST_DB = 30.0
"""Least SI-SDR of an int8 export's output against the model's."""


@dataclass(frozen=True)
class Parity:
    """How alike two streams are.

    Parameters
    ----------
    seconds : float
        Of sound that went through both.
    difference : float
        Largest difference of a sample, full scale being 1.
    si_sdr : float
        Of the exported one's output against the other's, in dB.
    """

    seconds: float
    difference: float
    si_sdr: float

    def check(self, int8: bool) -> None:
        """Raise `BundleError` if an export does not do the same."""
        if int8 and self.si_sdr < LEAST_DB:
            raise BundleError(
                f"in 8 bits the model's output is {self.si_sdr:.1f} dB from what it was, {LEAST_DB:.0f} dB is the "
                "least; export it without --int8"
            )
        if not int8 and self.difference > MOST:
            raise BundleError(
                f"the exported graphs differ from the model by {self.difference:.1e}, at most {MOST:.0e} is rounding; "
                "a component does something else while it is traced: check it with pse check"
            )


def compare(enhancer: Enhancer, folder: str | Path, seconds: float = 4.0, seed: int = 0) -> Parity:
    """Stream noise of changing level and colour through an enhancer and through its export.

    Parameters
    ----------
    enhancer : Enhancer
        The model, in torch.
    folder : str or Path
        What was exported of it.
    seconds : float
        How much.
    seed : int
        Of the noise and of the speaker, who is made up.

    Returns
    -------
    Parity
    """
    mixture, profile = _noise(seconds, enhancer.sample_rate, seed), somebody(enhancer, seed)
    stream, exported = enhancer.stream(profile), Model(folder).stream(profile)
    expected = np.concatenate([stream.feed(mixture), stream.flush()]).astype(np.float64)
    found = np.concatenate([exported.feed(mixture), exported.flush()]).astype(np.float64)
    alike = SiSdr()(found, expected, expected, enhancer.sample_rate)
    return Parity(seconds, float(np.abs(found - expected).max()), alike)


def _noise(seconds: float, rate: int, seed: int) -> np.ndarray:
    """Make noise whose level changes 20 times a second over 40 dB, and whose colour changes, too."""
    rng = np.random.default_rng(seed)
    pieces = max(1, round(20 * seconds))
    out = []
    for level, pole in zip(rng.uniform(-50, -10, pieces), rng.uniform(-0.9, 0.9, pieces)):
        white = rng.standard_normal(rate // 20 + 1)
        coloured = white[1:] + pole * white[:-1]
        out.append(10 ** (level / 20) * coloured)
    return np.concatenate(out).astype(np.float32)


def somebody(enhancer: Enhancer, seed: int = 0, frames: int = 200) -> Profile | None:
    """Make up a speaker: a cue of the encoder's widths; None for an enhancer that needs nobody enrolled."""
    encoder = enhancer.speaker_encoder
    if not enhancer.needs_cue or encoder is None:
        return None
    made = torch.Generator().manual_seed(seed)
    tokens = torch.randn(1, 1, frames, encoder.cue_dim, generator=made).tanh()
    vector = torch.nn.functional.normalize(torch.randn(1, 1, encoder.vector_dim, generator=made), dim=-1)
    cue = SpeakerCue(tokens, torch.ones(1, 1, frames, dtype=torch.bool), vector)
    return Profile.of(cue, enhancer.cue_fingerprint(), encoder.sample_rate)
