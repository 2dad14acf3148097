"""Checks of speaker encoders."""

from __future__ import annotations

import torch
from torch.nn import functional

from ...contracts import SpeakerEncoder, initial_state
from ..rigs import LONG, EncoderRig
from ..verdict import Tensors, demand, demand_finite, demand_same, distance


def declarations(rig: EncoderRig) -> None:
    """It is a `SpeakerEncoder` and declares its rate, widths and what it reads."""
    module = rig.build()
    demand(
        isinstance(module, SpeakerEncoder),
        f"{type(module).__name__} is not a SpeakerEncoder; derive it from that class",
    )
    for name in ("sample_rate", "cue_dim", "vector_dim"):
        value = getattr(module, name, None)
        demand(isinstance(value, int) and value > 0, f"{name} is {value!r}, not a positive whole number")
    demand(
        module.input in ("waveform", "features"),
        f"input is {module.input!r}, neither 'waveform' nor 'features'",
    )


def shape_and_dtype(rig: EncoderRig) -> None:
    """It gives a `SpeakerCue` of the declared widths, its mask boolean."""
    module, inputs = rig.build(), rig.inputs()
    lengths = inputs["lengths"]
    cue = module(_signal(inputs), lengths)
    batch, clips = lengths.shape if lengths.dim() == 2 else (len(lengths), 1)
    tokens = (batch, clips, cue.mask.shape[-1])
    for name, wanted in (
        ("tokens", (*tokens, module.cue_dim)),
        ("mask", tokens),
        ("vectors", (batch, clips, module.vector_dim)),
    ):
        got = tuple(getattr(cue, name).shape)
        demand(got == wanted, f"{name} has shape {list(got)}, not {list(wanted)}")
    demand(cue.mask.dtype == torch.bool, f"the mask is {cue.mask.dtype}, not boolean")
    demand(
        cue.vectors.dtype == cue.tokens.dtype == torch.float32,
        "tokens and vectors of float32 input are not float32",
    )


def voice_matters(rig: EncoderRig) -> None:
    """Different recordings get different vectors and tokens."""
    one, other = (rig.run(rig.build(), rig.inputs(seed=seed)) for seed in (0, 1))
    for name in ("tokens", "vectors"):
        demand(distance(one[name], other[name]) > 1e-6, f"two different recordings get the same {name}")


def lengths_honoured(rig: EncoderRig) -> None:
    """What lies beyond a clip's length has no influence: noise there, or more room."""
    module, inputs = rig.build(), rig.inputs()
    signal, lengths, before = _signal(inputs), inputs["lengths"], rig.run(module, inputs)
    name, waveform = _name(inputs), module.input == "waveform"
    position = torch.arange(signal.shape[2 if waveform else 1])
    beyond = position >= lengths.unsqueeze(-1)  # [B, Q, S] or [B, T]
    noisy = torch.where(beyond if waveform else beyond.unsqueeze(-1), torch.ones_like(signal), signal)
    demand_same(rig.run(module, {**inputs, name: noisy}), before, "when samples beyond the length change")
    longer = functional.pad(signal, (0, 800) if waveform else (0, 0, 0, 8))
    demand_same(rig.run(module, {**inputs, name: longer}), before, "when the batch is padded further")


def long_signals(rig: EncoderRig) -> None:
    """A clip of 40 s, or of 4000 frames, gives a finite cue."""
    module, signal = rig.build(), _signal(rig.inputs(batch=1))
    if module.input == "waveform":
        length, axis = 40 * module.sample_rate, 2
        signal, lengths = signal[:, :1], torch.full((1, 1), length)
    else:
        length, axis = LONG, 1
        lengths = torch.full((1,), length)
    repeated = torch.cat([signal] * (1 + length // signal.shape[axis]), axis).narrow(axis, 0, length)
    with torch.no_grad():
        cue = module(repeated, lengths)
    demand_finite({"tokens": cue.tokens, "vectors": cue.vectors}, f"of a signal {list(repeated.shape)}")


def absent_clip_masked(rig: EncoderRig) -> str | None:
    """A clip of length 0 has no valid token; every other has at least one, and only at its start."""
    module, inputs = rig.build(), rig.inputs()
    if module.input == "features":
        return "it reads one signal an item"
    mask = rig.run(module, inputs)["mask"]
    demand(not mask[0, 1].any(), "an absent clip (length 0) has valid tokens")
    demand(mask.any(-1)[inputs["lengths"] > 0].all(), "a clip that is there has no valid token")
    demand(not (mask[..., 1:] & ~mask[..., :-1]).any(), "valid tokens do not stand at the start")
    demand(mask[-1, 1].sum() <= mask[-1, 0].sum(), "a shorter clip has more valid tokens than a longer one")
    return None


def freezes(rig: EncoderRig) -> None:
    """Once frozen it stays in evaluation mode and asks for no gradients."""
    module = rig.build().freeze().train()
    demand(not any(inner.training for inner in module.modules()), "a frozen encoder goes to training mode")
    demand(not any(p.requires_grad for p in module.parameters()), "a frozen encoder asks for gradients")


def fingerprint_follows_weights(rig: EncoderRig) -> str | None:
    """The fingerprint is the same for the same weights, and another when one changes."""
    one, other = rig.build(), rig.build()
    demand(
        one.fingerprint() == other.fingerprint(), "two instances with the same weights have two fingerprints"
    )
    weight = next(other.parameters(), None)
    if weight is None:
        return "it has no weights"
    with torch.no_grad():
        weight.add_(1.0)
    demand(one.fingerprint() != other.fingerprint(), "other weights have the same fingerprint")
    return None


def streaming_equals_whole(rig: EncoderRig) -> str | None:
    """Frame by frame, the vector after the last frame is that of the whole signal, within 1e-4."""
    module = rig.build()
    if module.input != "features":
        return "it reads whole clips"
    features = rig.inputs()["features"]
    want = module(features, torch.full((len(features),), features.shape[1])).vectors[:, 0]
    for chunk in (1, 2, 3, 7, features.shape[1]):
        state = initial_state(module.state_spec(), len(features), features)
        for frames in features.split(chunk, dim=1):
            vector, state = module.step(frames, state)
        demand_same(
            {"vector": vector}, {"vector": want}, f"between the whole and steps of {chunk}", tolerance=1e-4
        )
    return None


def _name(inputs: Tensors) -> str:
    return "waveforms" if "waveforms" in inputs else "features"


def _signal(inputs: Tensors) -> torch.Tensor:
    return inputs[_name(inputs)]
