"""Any conditioner, in any backbone, on any encoder, with any loss: one step of training by name each."""

from __future__ import annotations

import itertools

import pytest

from pse_plugins.host import Host
from pse_plugins.testing.integration import trains

HOST = Host(discover=False)
TINY = {
    "d-vector": {"weights": None, "hidden": 6, "layers": 1},
    "gru-siamese": {"hidden": 6},
    "ecapa": {"weights": None, "channels": 16, "embedding": 6},
    "gru": {"layers": 1, "hidden": 8},
    "transformer": {"encoder_layers": 0, "decoder_layers": 1, "heads": 2, "head_dim": 4, "feed_forward": 8},
    "voicefilter": {"filters": 3, "maps": 1, "hidden": 8, "feed_forward": 24},
    "self-conditioned": {"expert_options": {"hidden": 8}, "encoder_options": {"hidden": 6}},
    "specialist-ensemble": {"experts": 2, "expert_options": {"hidden": 8}, "encoder_options": {"hidden": 6}},
    "cross-attention": {"heads": 2},
}
NAMES = {
    kind: [c.name for c in HOST.components(kind)] for kind in ("speaker_encoder", "conditioner", "backbone")
}


@pytest.mark.parametrize("parts", list(itertools.product(*NAMES.values())), ids="-".join)
def test_every_combination_trains(parts):
    names = dict(zip(NAMES, parts, strict=True))
    trains({**names, **{f"{kind}_options": TINY.get(name, {}) for kind, name in names.items()}})


@pytest.mark.parametrize("backbone", [name for name in NAMES["backbone"] if name != "self-conditioned"])
def test_every_backbone_trains_without_a_conditioner(backbone):
    trains({"conditioner": None, "backbone": backbone, "backbone_options": TINY[backbone]})


@pytest.mark.parametrize("loss", [c.name for c in HOST.components("loss")])
def test_every_loss_trains(loss):
    trains({"loss": loss})
