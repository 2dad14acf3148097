"""The convolutional backbone keeps to its contract, trains, and streams behind its look-ahead."""

import numpy as np
import pytest
import torch

from pse_plugins import build
from pse_plugins.enhancer import build_enhancer
from pse_plugins.errors import ConfigError
from pse_plugins.testing import conformance

RATE = 16000
TINY = {"repeats": 2, "layers": 2, "channels": 6, "hidden": 8, "kernel": 3, "lookahead": 2}
CONFIG = {
    "speaker_encoder": "gru-siamese",
    "speaker_encoder_options": {"hidden": 8},
    "conditioner": "film",
    "backbone": "tcn",
    "backbone_options": TINY,
    "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
}

test_conformance = conformance("backbone", "tcn", **TINY)
test_with_film = conformance("backbone", "tcn", conditioner="film", **TINY)
test_with_concat = conformance("backbone", "tcn", conditioner="concat", **TINY)
test_with_cross_attention = conformance("backbone", "tcn", conditioner="cross-attention", **TINY)
test_without_lookahead = conformance("backbone", "tcn", **{**TINY, "lookahead": 0})
test_with_long_lookahead = conformance("backbone", "tcn", **{**TINY, "lookahead": 5, "kernel": 2})


@pytest.mark.parametrize("lookahead", [0, 2, 5])
def test_each_frame_of_lookahead_costs_a_hop(lookahead):
    enhancer = build_enhancer({**CONFIG, "backbone_options": {**TINY, "lookahead": lookahead}})
    assert enhancer.latency == 64 + lookahead * 32


def test_the_past_that_is_seen_is_as_documented():
    torch.manual_seed(0)
    tcn = build("backbone", "tcn", n_bins=9, make_conditioner=None, **TINY).eval()
    features = torch.rand(1, 40, 9)
    features[:, 20:] = features[:, 20:21]
    changed = features.clone()
    changed[:, 5] += 1.0
    moved = (
        (tcn(changed, tcn.prepare(None)) != tcn(features, tcn.prepare(None))).any(2)[0].nonzero().flatten()
    )
    assert (int(moved[0]), int(moved[-1])) == (5 - 2, 5 + 2 * (3 - 1) * (2**2 - 1))


def test_an_open_mask_gives_the_mixture_back_in_its_place():
    enhancer = build_enhancer(CONFIG)
    torch.nn.init.zeros_(enhancer.backbone.head.weight)
    torch.nn.init.constant_(enhancer.backbone.head.bias, 30.0)
    stream, signal = enhancer.stream([noise(3, 1)], RATE), noise(1, 3)
    assert np.abs(np.concatenate([stream.feed(signal), stream.flush()]) - signal).max() < 1e-5


@pytest.mark.parametrize(
    "options", [{"kernel": 1}, {"lookahead": -1}, {"layers": 0}, {"condition_site": "roof"}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="tcn"):
        build("backbone", "tcn", n_bins=9, make_conditioner=None, **options)


def noise(seconds, seed):
    """Make noise with pauses, as speech has them."""
    loud = np.arange(int(seconds * RATE)) % 4000 < 3000
    return (0.1 * loud * np.random.default_rng(seed).standard_normal(loud.size)).astype(np.float32)


def test_trains_by_name_only():
    torch.manual_seed(0)
    enhancer = build_enhancer(CONFIG).train()
    optimizer = torch.optim.AdamW(enhancer.parameters())
    target, mixture = 0.1 * torch.randn(2, 4, RATE // 2)
    clips, lengths = 0.1 * torch.randn(4, 2, RATE), torch.tensor([[RATE, RATE // 2]] * 4)
    enhanced = enhancer(mixture, enrolment=clips, enrolment_lengths=lengths)
    loss = build("loss", "si-sdr")(enhanced.estimate, target, torch.full((4,), RATE // 2)).mean()
    (loss + sum(enhanced.losses.values())).backward()
    for name, parameter in enhancer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in enhancer.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_streams_as_offline_in_random_blocks(seed):
    torch.manual_seed(seed)
    enhancer = build_enhancer(CONFIG).eval()
    profile, signal = enhancer.enrol([noise(3, 1), noise(3, 2)], RATE), noise(1, 3)
    with torch.inference_mode():
        offline = enhancer(torch.from_numpy(signal)[None], profile.cue).estimate[0].numpy()
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(signal), 40))
    stream = enhancer.stream(profile)
    streamed = np.concatenate([*map(stream.feed, np.split(signal, cuts)), stream.flush()])
    assert np.abs(streamed - offline).max() < 1e-4
    assert np.abs(streamed).max() > 1e-3
