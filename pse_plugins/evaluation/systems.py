"""The rows of an evaluation: what each system makes of an item, one item at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from ..data import Mixture
from ..enhancer import Enhancer
from ..errors import ConfigError, nearest
from ..frontend import masked
from .enrolment import PREFIX, change_named, enrolled
from .results import SYSTEMS

Row = tuple[str, str]
"""Model, empty for a system that all models share, and system."""


def plan_rows(models: Mapping[str, Enhancer], systems: Sequence[str] = SYSTEMS) -> list[Row]:
    """List the rows that make sense: no enrolment where none is needed, nothing shared twice.

    Parameters
    ----------
    models : mapping
        Enhancers by name.
    systems : sequence of str
        The wanted ones of `SYSTEMS`, and changes of the enrolment, as ``"enrolment: telephone"``.

    Returns
    -------
    list of (str, str)

    Raises
    ------
    ConfigError
        If there is no such system.
    """
    changed = [system for system in systems if system.startswith(PREFIX)]
    for system in changed:
        change_named(system.removeprefix(PREFIX))
    for system in systems:
        if system not in (*SYSTEMS, *changed):
            raise ConfigError(f"no row {system!r}{nearest(system, SYSTEMS)}; rows: {', '.join(SYSTEMS)}")
    same = len({(m.sample_rate, str(m.config.get("frontend_options"))) for m in models.values()}) == 1
    rows: list[Row] = [("", "mixture")]
    for name, model in models.items():
        own = ("wrong enrolment", "right enrolment", *changed) if model.needs_cue else ("enhanced",)
        rows += [(name, system) for system in own]
    rows += [("", "oracle mask")] if same else [(name, "oracle mask") for name in models]
    return [row for row in rows if row[1] in systems]


def run_row(row: Row, models: Mapping[str, Enhancer], item: Mixture) -> np.ndarray:
    """Give what a row makes of an item, float32 ``[S]``."""
    name, system = row
    if system == "mixture":
        return item.mixture
    model = models[name] if name else next(iter(models.values()))
    device = model.frontend.analysis.device
    with torch.inference_mode():
        mixture = torch.from_numpy(item.mixture).unsqueeze(0).to(device)  # [1, S]
        if system == "oracle mask":
            made = oracle(model, mixture, torch.from_numpy(item.target).unsqueeze(0).to(device))
        elif system == "enhanced":
            made = model(mixture).estimate
        else:
            made = model(mixture, model.embed(*_pad(_clips(model, system, item), device))).estimate
    return made[0].float().cpu().numpy()


def _clips(model: Enhancer, system: str, item: Mixture) -> list[np.ndarray]:
    """Give the clips that a row enrols with."""
    if system.startswith(PREFIX):
        encoder = model.speaker_encoder
        rate = model.sample_rate if encoder is None else encoder.sample_rate
        return enrolled(item, system.removeprefix(PREFIX), rate)
    return item.enrolment if system == "right enrolment" else item.wrong_enrolment


def oracle(model: Enhancer, mixture: Tensor, target: Tensor) -> Tensor:
    """Apply the ideal ratio mask in a model's own frontend: about the most a real mask can do.

    ``sqrt(|S|^2 / (|S|^2 + |N|^2))`` (Wang, Narayanan & Wang, "On training targets for supervised speech
    separation", 2014, with beta = 0.5).

    Parameters
    ----------
    model : Enhancer
        Gives the frontend.
    mixture, target : Tensor
        ``[B, S]``.

    Returns
    -------
    Tensor
        ``[B, S]``.
    """
    spectrum, wanted = model.frontend.analyse(mixture), model.frontend.analyse(target)  # [B, T, F]
    power, rest = wanted.abs().square(), (spectrum - wanted).abs().square()
    mask = (power / (power + rest + 1e-12)).sqrt()
    return model.frontend.synthesise(masked(spectrum, mask), mixture.shape[1])


@contextmanager
def evaluating(models: Iterable[Enhancer]) -> Iterator[None]:
    """Keep models in evaluation mode, and put each back as it was."""
    modes = [(model, model.training) for model in models]
    try:
        for model, _ in modes:
            model.eval()
        yield
    finally:
        for model, training in modes:
            model.train(training)


def _pad(clips: Sequence[np.ndarray], device: torch.device) -> tuple[Tensor, Tensor]:
    """Stack clips as ``[1, Q, S]`` with their lengths ``[1, Q]``."""
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(c) for c in clips], batch_first=True)
    return padded.unsqueeze(0).to(device), torch.tensor([[len(c) for c in clips]], device=device)
