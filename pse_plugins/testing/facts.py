"""For information: what a component costs at the size that it is used at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..contracts import Backbone, Conditioner, SpeakerCue, SpeakerEncoder, initial_state
from ..cost import count_macs, count_parameters, real_time_factor
from .array_rigs import speech_like
from .references import ReferenceConditioner
from .rigs import inner_parts

FRAMES, BINS, CHANNELS, CUE, CLIP = 100, 257, 256, 256, 3
"""A second of frames at a hop of 10 ms, bins of 32 ms at 16 kHz, a usual width, d-vectors, an enrolment of 3 s."""


def facts(
    kind: str, factory: Callable[..., Any], *, conditioner: Callable[..., Any] | None = None, **options: Any
) -> dict[str, Any]:
    """Measure a component: parameters, work and time per second of audio on one core.

    Conditioners are built for 256 channels and a cue of width 256, backbones for 257 bins, unless the options
    say otherwise; a second has 100 frames; enrolment is one clip of 3 s.

    Parameters
    ----------
    kind : str
        Its kind.
    factory : callable
        Builds it.
    conditioner : callable or None
        For a backbone: builds the conditioners to put inside; None takes a plain one of the kit's own.
    **options
        For the factory.

    Returns
    -------
    dict
        Name, with its unit -> number.

    Examples
    --------
    >>> from pse_plugins.conditioners.film import Film
    >>> facts("conditioner", Film)["parameters"]
    131584
    """
    if kind == "backbone":
        inside = conditioner or ReferenceConditioner
        options = {"make_conditioner": lambda dim: inside(dim=dim, cue_dim=CUE), **options}
    return _MEASURE[kind](factory, options)


def _conditioner(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    module: Conditioner = factory(**{"dim": CHANNELS, "cue_dim": CUE, **options}).eval()
    x = torch.randn(1, FRAMES, int(options.get("dim", CHANNELS)))
    cue = _cue(int(options.get("cue_dim", CUE)))
    with torch.no_grad():
        prepared = module.prepare(cue)
    return {
        "parameters": count_parameters(module),
        "MACs per second": count_macs(lambda: module(x, prepared)),
        "MACs per speaker": count_macs(lambda: module.prepare(cue)),
        "RTF": real_time_factor(lambda: module(x, prepared), 1.0),
        "prepared bytes": _bytes(prepared.tensors),
    }


def _backbone(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    given = {"n_bins": BINS, **options}
    given = {**inner_parts(factory, given["n_bins"], CUE), **given}
    module: Backbone = factory(**given).eval()
    features = torch.rand(1, FRAMES, int(given["n_bins"]))
    cue = _cue(CUE) if module.needs_cue else None
    with torch.no_grad():
        prepared = module.prepare(cue)
    found = {
        "parameters": count_parameters(module),
        "MACs per second": count_macs(lambda: module(features, prepared)),
        "RTF": real_time_factor(lambda: module(features, prepared), 1.0),
    }
    if module.can_stream:
        start = initial_state(module.state_spec(), 1, features)

        def stream() -> None:
            state = start
            for frame in features.split(1, dim=1):
                _, state = module.step(frame, prepared, state)

        found |= {"streaming RTF": real_time_factor(stream, 1.0), "state bytes": _bytes(start)}
    return found


def _speaker_encoder(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    module: SpeakerEncoder = factory(**options).eval()
    if module.input == "features":
        features = torch.rand(1, CLIP * FRAMES, int(options.get("n_bins", BINS)))
        given = (features, torch.tensor([CLIP * FRAMES]))
    else:
        clip = torch.from_numpy(speech_like(module.sample_rate, seconds=CLIP))
        given = (clip[None, None], torch.tensor([[clip.numel()]]))
    return {
        "parameters": count_parameters(module),
        "MACs per second": count_macs(lambda: module(*given)) // CLIP,
        "RTF": real_time_factor(lambda: module(*given), CLIP),
    }


def _loss(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    loss, target = factory(**options), torch.from_numpy(speech_like(16000, seconds=1))[None]
    lengths = torch.tensor([target.shape[1]])
    return {"RTF": real_time_factor(lambda: loss(0.9 * target, target, lengths), 1.0)}


def _metric(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    metric, target = factory(**options), speech_like(16000, seconds=2)
    return {"RTF": real_time_factor(lambda: metric(0.9 * target, target, target, 16000), 2.0)}


def _recogniser(factory: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    recogniser, waveform = factory(**options), speech_like(16000, seconds=2)
    return {"RTF": real_time_factor(lambda: recogniser(waveform, 16000), 2.0)}


_MEASURE: dict[str, Callable[[Callable[..., Any], dict[str, Any]], dict[str, Any]]] = {
    "conditioner": _conditioner,
    "backbone": _backbone,
    "speaker_encoder": _speaker_encoder,
    "loss": _loss,
    "metric": _metric,
    "recogniser": _recogniser,
}


def _cue(width: int) -> SpeakerCue:
    """Make the cue of a clip of 3 s with a token every 10 ms."""
    tokens = torch.randn(1, 1, CLIP * FRAMES, width)
    return SpeakerCue(tokens, torch.ones(1, 1, CLIP * FRAMES, dtype=torch.bool), torch.randn(1, 1, width))


def _bytes(tensors: dict[str, torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
