"""Any conditioner, in any backbone, on any encoder: one step of training each."""

from __future__ import annotations

import itertools

import pytest
import torch

from pse_plugins.enhancer import build_enhancer
from pse_plugins.host import Host, build

HOST = Host(discover=False)
TINY = {
    "d-vector": {"weights": None, "hidden": 6, "layers": 1},
    "gru-siamese": {"hidden": 6},
    "ecapa": {"weights": None, "channels": 16, "embedding": 6},
    "gru": {"layers": 1, "hidden": 8},
    "transformer": {
        "encoder_layers": 0,
        "decoder_layers": 1,
        "heads": 2,
        "head_dim": 4,
        "feed_forward": 8,
        "dropout": 0.0,
    },
    "cross-attention": {"heads": 2},
}
NAMES = {
    kind: [c.name for c in HOST.components(kind)] for kind in ("speaker_encoder", "conditioner", "backbone")
}


@pytest.mark.parametrize("loss", [c.name for c in HOST.components("loss")])
def test_every_loss_trains(loss):
    take_a_step(loss=loss)


@pytest.mark.parametrize(
    ("speaker_encoder", "conditioner", "backbone"), list(itertools.product(*NAMES.values()))
)
def test_every_combination_trains(speaker_encoder, conditioner, backbone):
    take_a_step(speaker_encoder, conditioner, backbone)


@pytest.mark.parametrize("backbone", NAMES["backbone"])
def test_every_backbone_trains_without_a_conditioner(backbone):
    take_a_step(conditioner=None, backbone=backbone)


def take_a_step(speaker_encoder="d-vector", conditioner="film", backbone="gru", loss="si-sdr"):
    """Train once: a gradient reaches the encoder and all of the backbone, and a step along it lowers the loss."""
    torch.manual_seed(0)
    parts = {"speaker_encoder": speaker_encoder, "conditioner": conditioner, "backbone": backbone}
    options = {f"{kind}_options": TINY.get(name, {}) for kind, name in parts.items()}
    enhancer = build_enhancer(
        {**parts, **options, "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3}}
    )
    target, noise = 0.1 * torch.randn(2, 2, 3200)
    enrolment, lengths = 0.1 * torch.randn(2, 2, 8000), torch.full((2, 2), 8000)
    measure = build("loss", loss)
    optimiser = torch.optim.SGD(enhancer.parameters(), lr=1e-3)

    def loss_now():
        cue = enhancer.embed(enrolment, lengths) if enhancer.needs_cue else None
        enhanced = enhancer(target + noise, cue)
        return measure(enhanced.estimate, target, torch.full((2,), 3200)).mean() + sum(
            enhanced.losses.values()
        )

    before = loss_now()
    before.backward()
    reached = {name for name, p in enhancer.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name, _ in enhancer.named_parameters() if "encoder" not in name} <= reached
    learns = conditioner is not None and not enhancer.speaker_encoder.frozen
    assert any("trained_encoder" in name for name in reached) == learns  # some of it may not be read
    optimiser.step()
    assert loss_now() < before
