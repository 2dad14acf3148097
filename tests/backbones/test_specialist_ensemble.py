"""The ensemble runs one specialist, the one that the signal asks for, and changes it without a click."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from pse_plugins.assembly import build_enhancer
from pse_plugins.backbones.gru import Gru
from pse_plugins.backbones.specialist_ensemble import SpecialistEnsemble
from pse_plugins.contracts import Backbone, Prepared, SpeakerCue, SpeakerEncoder, StateSpec, initial_state
from pse_plugins.cost import count_macs, count_parameters
from pse_plugins.errors import ComponentError, ConfigError
from pse_plugins.speaker_encoders.gru_siamese import GruSiamese

POLICY = {"first": 6, "every": 2, "smoothing": 2, "hysteresis": 0.0, "warm_up": 3, "fade": 4}


class Says(SpeakerEncoder):
    """Hears who speaks in the last frame: its first bins are the gate's logits."""

    input, vector_dim, cue_dim = "features", 3, 3

    def forward(self, features, lengths):
        last = features[torch.arange(len(lengths)), lengths - 1, :3]
        mask = torch.ones(len(lengths), 1, 1, dtype=torch.bool)
        return SpeakerCue(last[:, None, None], mask, last[:, None])

    def state_spec(self):
        return [StateSpec("encoder.none", (1,))]

    def step(self, features, state):
        return features[:, -1, :3], state


class Level(Backbone):
    """A mask of one level, and a count of the frames that it ran for."""

    def __init__(self, number, log):
        super().__init__()
        self.level, self.log, self.needs_cue = nn.Parameter(torch.tensor(0.2 + 0.3 * number)), log, False

    def forward(self, features, prepared):
        return self.step(features, prepared, {})[0]

    def state_spec(self):
        return [StateSpec("ran", ())]

    def step(self, features, prepared, state):
        self.log.append(features.shape[1])
        return torch.ones_like(features) * self.level, {
            "ran": state.get("ran", torch.zeros(1)) + features.shape[1]
        }


@pytest.fixture
def ensemble():
    """Three specialists whose masks are 0.2, 0.5 and 0.8 everywhere, and a gate that does as the features say."""
    log, numbers = [], iter(range(3))
    made = SpecialistEnsemble(4, None, lambda _: Level(next(numbers), log), Says, experts=3, **POLICY)
    made.log = log
    with torch.no_grad():
        made.gate.weight.copy_(20 * torch.eye(3))
        made.gate.bias.zero_()
    return made.eval()


def speech(*who):
    """Frames in which these speak, one after another: ``[1, T, 4]``."""
    return torch.stack([nn.functional.one_hot(torch.tensor(k), 4).float() for k in who])[None]


def levels(mask):
    return mask[0, :, 0].tolist()


def test_offline_the_whole_utterance_decides_item_by_item(ensemble):
    features = torch.cat([speech(*[0] * 9, 2), speech(*[2] * 9, 1), speech(*[1] * 9, 0)])
    prepared = ensemble.listen(features, Prepared(), torch.tensor([10, 10, 9]))
    together = ensemble(features, prepared)
    assert together[:, 0, 0].tolist() == pytest.approx(
        [0.8, 0.5, 0.5]
    )  # the third says 1 where its signal ends
    assert ensemble.log == [10, 10], "the two items of one specialist are run together, others not at all"


def test_a_batch_gives_what_its_items_give_alone():
    torch.manual_seed(0)
    made = SpecialistEnsemble(
        9, None, partial(Gru, 9, hidden=5), _features_encoder, experts=4, **POLICY
    ).eval()
    with torch.no_grad():
        made.gate.weight.mul_(40)
    features, frames = 3 * torch.randn(8, 12, 9), torch.tensor([12, 11, 5, 12, 9, 3, 12, 7])
    chosen = made.listen(features, Prepared(), frames)
    assert len(set(chosen.tensors["expert"].tolist())) > 1, "else nothing is seen"
    alone = [
        made(features[b : b + 1], made.listen(features[b : b + 1], Prepared(), frames[b : b + 1]))
        for b in range(8)
    ]
    torch.testing.assert_close(made(features, chosen), torch.cat(alone))


def _features_encoder():
    from pse_plugins.speaker_encoders.gru_siamese import GruSiamese

    return GruSiamese(input="features", n_bins=9, hidden=6)


def test_experts_that_see_all_of_a_signal_do_not_see_what_fills_a_batch():
    """As bidirectional ones do: they are told of the signals' ends, too."""
    config = {"sample_rate": 8000, "conditioner": None, "speaker_encoder": None}
    whole = {"encoder_layers": 0, "decoder_layers": 1, "heads": 2, "head_dim": 4, "feed_forward": 8}
    options = {"expert": "transformer", "expert_options": {**whole, "bidirectional": True}}
    moe = {"conditioner": "sparse-moe"}
    for own in ({"backbone": "specialist-ensemble"}, {"backbone": "self-conditioned", **moe}):
        enhancer = build_enhancer({**config, **own, "backbone_options": options}).eval()
        hop = enhancer.frontend.hop
        mixture, short = torch.randn(2, 31 * hop), 15 * hop
        mixture[1, short:] = 0
        together = enhancer(mixture, lengths=torch.tensor([31 * hop, short])).estimate
        alone = enhancer(mixture[1:, :short], lengths=torch.tensor([short])).estimate
        end = short - enhancer.frontend.frame  # beyond, frames reach into what follows
        torch.testing.assert_close(together[1, :end], alone[0, :end], atol=1e-5, rtol=1e-4)


def test_a_stream_falls_back_then_decides_and_fades(ensemble):
    mask = levels(ensemble(speech(*[2] * 20), Prepared()))
    assert mask[:9] == pytest.approx([0.2] * 9), "the first decision after 6 frames, then 3 of warm-up"
    assert mask[9:13] == pytest.approx([0.35, 0.5, 0.65, 0.8])
    assert mask[13:] == pytest.approx([0.8] * 7)


def test_no_frame_jumps_by_more_than_its_share_of_the_fade(ensemble):
    torch.manual_seed(1)
    said = [int(k) for k in torch.randint(3, (40,)).repeat_interleave(5)]
    mask = torch.tensor(levels(ensemble(speech(*said), Prepared())))
    assert len({round(m, 3) for m in mask.tolist()} & {0.2, 0.5, 0.8}) == 3, "all three came to speak"
    assert float(mask.diff().abs().max()) <= 0.6 / POLICY["fade"] + 1e-6


def test_hysteresis_keeps_the_one_that_runs(ensemble):
    with torch.no_grad():
        ensemble.gate.weight.copy_(0.4 * torch.eye(3))  # 0.43 against 0.29: not sure
    swaying = speech(*[1] * 12, *[0] * 12, *[1] * 12)
    assert len(set(levels(ensemble(swaying, Prepared())))) > 2
    object.__setattr__(ensemble.policy, "hysteresis", 0.3)
    assert levels(ensemble(swaying, Prepared())) == pytest.approx([0.2] * 36)


def test_a_frame_costs_one_specialist_and_two_while_they_change(ensemble):
    ensemble(speech(*[0] * 30), Prepared())
    assert sum(ensemble.log) == 30
    ensemble.log.clear()
    ensemble(speech(*[2] * 30), Prepared())
    assert sum(ensemble.log) == 30 + POLICY["warm_up"] + POLICY["fade"]


def test_a_stream_frozen_at_the_final_decision_is_the_offline_result():
    torch.manual_seed(3)
    made = SpecialistEnsemble(
        9, None, partial(Gru, 9, hidden=5), _features_encoder, experts=4, **POLICY
    ).eval()
    features = 3 * torch.rand(2, 30, 9)
    chosen = made.listen(features, Prepared(), torch.tensor([30, 30]))
    state, parts = initial_state(made.state_spec(), 2, features), []
    for piece in features.split([1, 7, 2, 20], dim=1):
        mask, state = made.step(piece, chosen, state)
        parts.append(mask)
    torch.testing.assert_close(torch.cat(parts, 1), made(features, chosen))


def test_in_training_all_masks_are_added_by_the_soft_gate(ensemble):
    ensemble.train()
    with torch.no_grad():
        ensemble.gate.weight.copy_(0.1 * torch.eye(3))
    features = speech(*[1] * 5)
    gates = torch.tensor([[0.0, 0.1, 0.0]]).mul(ensemble.temperature).softmax(-1)
    expected = float((gates * torch.tensor([0.2, 0.5, 0.8])).sum())
    heard = ensemble.listen(features, Prepared(), torch.tensor([5]))
    assert levels(ensemble(features, heard)) == pytest.approx([expected] * 5)
    assert levels(ensemble(features, Prepared())) == pytest.approx([expected] * 5)


def test_recomputing_gives_the_same_gradients():
    found = []
    for recompute in (False, True):
        torch.manual_seed(0)
        made = SpecialistEnsemble(
            9, None, partial(Gru, 9, hidden=5), _features_encoder, experts=3, recompute=recompute
        )
        made(
            torch.rand(2, 8, 9, generator=torch.Generator().manual_seed(1)), Prepared()
        ).square().mean().backward()
        found.append({name: p.grad for name, p in made.named_parameters()})
    torch.testing.assert_close(*found)


PARAMETERS = {64: 169473, 128: 412161, 256: 1118721, 512: 3416577, 1024: 11551233}


@pytest.mark.parametrize(("hidden", "count"), PARAMETERS.items())
def test_specialists_have_the_sizes_of_the_paper(hidden, count):
    assert count_parameters(Gru(513, None, hidden=hidden)) == count


def test_the_ensembles_of_the_paper_have_its_sizes():
    """f and g 0.059 M; five of 256 5.6 M; ten of 64 half of a generalist of 512, one of them a fifteenth."""

    def size(experts, hidden):
        options = {"experts": experts, "expert_options": {"hidden": hidden}}
        config = {"sample_rate": 8000, "conditioner": None, "speaker_encoder": None}
        made = build_enhancer(
            {**config, "backbone": "specialist-ensemble", "backbone_options": options}
        ).backbone
        return count_parameters(made.encoder) + count_parameters(made.gate), count_parameters(made.experts)

    gate, experts = size(10, 64)
    assert (gate, experts) == (59178, 1694730)
    assert size(5, 256)[1] == 5593605
    assert round(100 * (1 - (experts + gate) / PARAMETERS[512]), 1) == 48.7
    assert round(100 * (1 - (PARAMETERS[64] + gate) / PARAMETERS[512]), 1) == 93.3


MACS = {64: 168192, 128: 410112, 256: 1115136, 512: 3409920, 1024: 11538432}
HEARING = 3 * 32 * (513 + 32) + 3 * 32 * (32 + 32)
"""Multiply-accumulates a frame: of specialists, and of f."""


@pytest.mark.parametrize(("hidden", "count"), MACS.items())
def test_specialists_cost_what_their_products_do(hidden, count):
    frames = torch.zeros(1, 10, 513)
    assert count_macs(lambda: Gru(513, None, hidden=hidden).eval()(frames, Prepared())) == 10 * count


@pytest.mark.parametrize("experts", [2, 10, 20])
def test_a_frame_costs_the_gate_and_one_specialist_whatever_their_number(experts):
    policy = {"first": 0, "every": 1, "hysteresis": 0.99}  # as untrained, the gate asks for no change
    gru = partial(Gru, 513, hidden=64)
    made = SpecialistEnsemble(513, None, gru, partial(GruSiamese, "features", 513), experts=experts, **policy)
    frames, state = torch.rand(1, 10, 513), initial_state(made.eval().state_spec(), 1, torch.zeros(1))
    run = count_macs(lambda: made.step(frames, Prepared(), state))
    assert run == 10 * (MACS[64] + HEARING + 32 * experts)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"expert": "grru"}, ComponentError, "did you mean 'gru'"),
        (
            {"expert_options": {"hiden": 4}},
            ComponentError,
            "expert 'gru' .*no option 'hiden'; did you mean 'hidden'",
        ),
        ({"encoder": "ecapa", "encoder_options": {"weights": None}}, ConfigError, "reads a waveform"),
        ({"experts": 0}, ConfigError, "needs an expert"),
        ({"experts": 2, "fallback": 2}, ConfigError, "a fallback below 2"),
        ({"fade": 0}, ConfigError, "fade must be at least 1"),
        ({"hysteresis": 1.5}, ConfigError, r"hysteresis must lie in \[0, 1\)"),
    ],
)
def test_what_cannot_be_is_said(options, error, words):
    with pytest.raises(error, match=words):
        build_enhancer({"conditioner": None, "backbone": "specialist-ensemble", "backbone_options": options})


def test_specialists_may_be_conditioned_transformers():
    small = {"encoder_layers": 0, "decoder_layers": 1, "heads": 2, "head_dim": 4, "feed_forward": 8}
    made = build_enhancer(
        {
            "speaker_encoder": "gru-siamese",
            "conditioner": "film",
            "backbone": "specialist-ensemble",
            "backbone_options": {"experts": 2, "expert": "transformer", "expert_options": small},
        }
    )
    assert made.needs_cue and made.backbone.needs_cue
