"""Conditioners steered by the mixture itself: offline by all of it, in a stream by what was heard."""

from __future__ import annotations

import pytest
import torch

from pse_plugins.assembly import build_enhancer
from pse_plugins.bundle import load, save
from pse_plugins.contracts import Prepared, initial_state
from pse_plugins.errors import ConfigError
from pse_plugins.testing import integration

OPTIONS = {"expert": "gru", "expert_options": {"hidden": 8}, "encoder_options": {"hidden": 6}, "every": 4}
SMALL = {
    "speaker_encoder": None,
    "conditioner": "sparse-moe",
    "conditioner_options": {"experts": 3},
    "backbone": "self-conditioned",
    "backbone_options": OPTIONS,
    "frontend_options": {"frame": 64, "hop": 32},
}
test_at_work = integration(
    "backbone", "self-conditioned", **{k: v for k, v in SMALL.items() if k != "backbone"}
)


def test_it_needs_no_enrolment_and_no_encoder_of_it(tmp_path):
    torch.manual_seed(0)
    enhancer = build_enhancer(SMALL).eval()
    assert not enhancer.needs_cue and enhancer.speaker_encoder is None
    assert enhancer.backbone.backbone.conditioners[0].gate.in_features == 6
    mixture = torch.randn(1, 8000).numpy()[0]
    again = load(save(enhancer, tmp_path / "b"))
    assert (enhancer.enhance(mixture, 16000) == again.enhance(mixture, 16000)).all()


def test_the_signal_steers_its_conditioners():
    torch.manual_seed(0)
    enhancer = build_enhancer({**SMALL, "conditioner": "film", "conditioner_options": {}}).eval()
    signal = torch.randn(1, 8000)
    with torch.no_grad():
        offline = enhancer(signal).mask
        enhancer.backbone.encoder.gru.weight_ih_l0.mul_(-1)
        assert (enhancer(signal).mask - offline).abs().max() > 1e-4, "another embedding, another mask"


def test_a_stream_hears_first_and_then_renews():
    torch.manual_seed(0)
    backbone = build_enhancer({**SMALL, "backbone_options": {**OPTIONS, "first": 8}}).eval().backbone
    vectors, state = [], {s.name: torch.zeros(1, *s.shape, dtype=s.dtype) for s in backbone.state_spec()}
    with torch.no_grad():
        for frame in torch.rand(1, 14, 33).split(1, dim=1):
            _, state = backbone.step(frame, backbone.prepare(None), state)
            vectors.append(state["vector"])
    changed = [i + 1 for i in range(1, 14) if not torch.equal(vectors[i], vectors[i - 1])]
    assert changed == [8, 12] and not vectors[6].any()


def test_streams_that_began_at_different_times_may_share_a_batch():
    torch.manual_seed(0)
    backbone = build_enhancer({**SMALL, "backbone_options": {**OPTIONS, "first": 0}}).eval().backbone
    signals = torch.rand(2, 20, 33)

    def alone(signal):
        state = initial_state(backbone.state_spec(), 1, signal)
        return backbone.step(signal, Prepared(), state)

    with torch.no_grad():
        (_, early), (_, late) = alone(signals[:1, :3]), alone(signals[1:, :10])
        both = {name: torch.cat([early[name], late[name]]) for name in early}
        together, _ = backbone.step(torch.stack([signals[0, 3:12], signals[1, 10:19]]), Prepared(), both)
        expected = torch.cat([alone(signals[:1])[0][:, 3:12], alone(signals[1:])[0][:, 10:19]])
    torch.testing.assert_close(together, expected)


def test_auxiliary_losses_reach_the_training():
    enhancer = build_enhancer(SMALL).train()
    losses = enhancer(torch.randn(2, 4000)).losses
    assert [name.rpartition(".")[2] for name in losses] == ["balance", "balance"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"conditioner": None}, "has nothing to steer; name a conditioner"),
        ({"backbone_options": {**OPTIONS, "every": 0}}, "every 0 at least 1"),
        (
            {"backbone_options": {"encoder": "ecapa", "encoder_options": {"weights": None}}},
            "reads a waveform",
        ),
    ],
)
def test_what_cannot_be_is_said(options, words):
    with pytest.raises(ConfigError, match=words):
        build_enhancer({**SMALL, **options})
