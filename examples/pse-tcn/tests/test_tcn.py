"""The convolutional backbone keeps to its contract, trains, and streams behind its look-ahead."""

import numpy as np
import pytest
import torch

from pse_plugins import build
from pse_plugins.errors import ConfigError
from pse_plugins.testing import conformance, integration, small_enhancer

TINY = {"repeats": 2, "layers": 2, "channels": 6, "hidden": 8, "kernel": 3, "lookahead": 2}
test_conformance = conformance("backbone", "tcn", **TINY)
test_with_film = conformance("backbone", "tcn", conditioner="film", **TINY)
test_with_concat = conformance("backbone", "tcn", conditioner="concat", **TINY)
test_with_cross_attention = conformance("backbone", "tcn", conditioner="cross-attention", **TINY)
test_at_work = integration("backbone", "tcn", backbone_options=TINY)
test_without_lookahead = conformance("backbone", "tcn", **{**TINY, "lookahead": 0})
test_with_long_lookahead = conformance("backbone", "tcn", **{**TINY, "lookahead": 5, "kernel": 2})


@pytest.mark.parametrize("lookahead", [0, 2, 5])
def test_each_frame_of_lookahead_costs_a_hop(lookahead):
    enhancer = small_enhancer(backbone="tcn", backbone_options={**TINY, "lookahead": lookahead})
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
    enhancer = small_enhancer(backbone="tcn", backbone_options=TINY, conditioner=None)
    torch.nn.init.zeros_(enhancer.backbone.head.weight)
    torch.nn.init.constant_(enhancer.backbone.head.bias, 30.0)
    stream, signal = enhancer.stream(), np.random.default_rng(0).uniform(-1, 1, 16000).astype(np.float32)
    assert np.abs(np.concatenate([stream.feed(signal), stream.flush()]) - signal).max() < 1e-5


@pytest.mark.parametrize(
    "options", [{"kernel": 1}, {"lookahead": -1}, {"layers": 0}, {"condition_site": "roof"}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="tcn"):
        build("backbone", "tcn", n_bins=9, make_conditioner=None, **options)
