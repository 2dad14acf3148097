"""What the evaluation tests share: a list made here, and a model that repeats its enrolment clip."""

from typing import ClassVar

import numpy as np
import torch
from torch import nn

from pse_plugins.data import Mixture, Plan
from pse_plugins.data.plan import Part
from pse_plugins.enhancer import Enhanced
from pse_plugins.evaluation.results import Results, Score
from pse_plugins.frontend import Frontend

RATE = 8000


class Repeater(nn.Module):
    """Gives back the first enrolment clip: with the right one the target, with the wrong one the interferer."""

    def __init__(self, needs_cue=True, frame=256):
        super().__init__()
        self.frontend = Frontend(RATE, frame=frame, hop=frame // 2)
        self.scale = nn.Parameter(torch.ones(1))
        self.needs_cue, self.sample_rate, self.latency = needs_cue, RATE, frame
        self.config = {"frontend_options": {"frame": frame}, "backbone": "repeater"}
        self.speaker_encoder = None
        self.batches = []

    def embed(self, enrolment, lengths):
        return enrolment[:, 0]

    def forward(self, mixture, cue=None):
        assert not self.training and torch.is_inference_mode_enabled()
        self.batches.append(len(mixture))
        estimate = mixture if cue is None else cue[:, : mixture.shape[1]] + 0.05 * mixture
        return Enhanced(estimate, torch.ones(1), {})


class Items(list):
    """A list of mixtures that looks like a `TestList`."""

    rate = enrolment_rate = RATE
    competitors: ClassVar[dict[str, str]] = {}
    checksum = "0123456789abcdef"

    @property
    def plans(self):
        return [item.plan for item in self]


def tone(pitch, seed, seconds=0.5):
    """Make a harmonic sound that comes and goes, float32 ``[S]``."""
    t = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    harmonics = sum(np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k for k in range(1, 10))
    return (0.1 * harmonics * (1.1 + np.sin(2 * np.pi * 5 * t))).astype(np.float32)


def mixture(i, scenario="babble", snr=0.0, speaker="a"):
    """Make an item: a low voice, with a high one ``snr`` dB below."""
    target, other = tone(110 + 7 * i, i), tone(290 + 11 * i, 100 + i)
    other = other * np.float32(np.sqrt(np.sum(target**2) / np.sum(other**2)) * 10 ** (-snr / 20))
    name = f"{scenario}-{i:04d}"
    part = Part("speech", "u", 0, len(target))
    plan = Plan(name, scenario, snr, speaker, part, (), (), ())
    return Mixture(name, target + other, target, scenario, snr, speaker, [target], [], [other], [], "", plan)


def a_list(count=6, speakers=6):
    """Make items of two conditions, over the SNR range."""
    return Items(
        mixture(i, ("ambient", "babble")[i % 2], -2.0 + 10 * i / count, f"s{i % speakers}")
        for i in range(count)
    )


def results(rows, scenarios=("ambient", "babble"), **about):
    """Make results of rows ``(model, system) -> values``, one item a value, in every condition."""
    scores = [
        Score(model, system, f"{c}-{i}", c, f"s{i}", 2.0 * i - 1, {"si-sdr-improvement": v, "stoi": v / 10})
        for c in scenarios
        for (model, system), values in rows.items()
        for i, v in enumerate(values)
    ]
    models = [m for m in dict.fromkeys(model for model, _ in rows) if m]
    return Results(
        scores, {"si-sdr-improvement": "dB", "stoi": ""}, models, {"items": 3, "speakers": 3, **about}
    )
