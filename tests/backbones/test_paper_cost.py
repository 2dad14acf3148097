"""What section 3.4 of Zhang et al. claims: a frame costs O(d^2) with either decoder, whenever it comes.

Counted are the products of the equations; that a single frame is computed with more of them, and sooner, is a test
of its own.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import torch

from pse_plugins.backbones.relative_attention import RelativeAttention
from pse_plugins.backbones.transformer import Transformer
from pse_plugins.conditioners.concat import Concat
from pse_plugins.conditioners.cross_attention import CrossAttention
from pse_plugins.contracts import SpeakerCue, initial_state
from pse_plugins.cost import count_macs

BINS, CUE, BACK = 257, 256, 100
ENROLMENT = 300
"""Frames: 3 s of hidden states at a hop of 10 ms."""


@pytest.fixture(autouse=True)
def _head_by_head(monkeypatch):
    monkeypatch.setattr(RelativeAttention, "_one", RelativeAttention._several)


def network(conditioner, layers=3, dim=256, look_back=BACK, **options):
    made = Transformer(
        BINS,
        partial(conditioner, cue_dim=CUE, **options),
        layers,
        layers,
        head_dim=dim // 8,
        feed_forward=4 * dim,
        look_back=look_back,
    )
    return made.eval()


def cue(frames=ENROLMENT):
    mask = torch.ones(1, 1, frames, dtype=torch.bool)
    return SpeakerCue(torch.randn(1, 1, frames, CUE), mask, torch.randn(1, 1, CUE))


@torch.no_grad()
def per_frame(made, frames=ENROLMENT, heard=None):
    """Count the multiply-accumulates of one frame, by default in steady state: after a full look-back."""
    prepared, state = made.prepare(cue(frames)), initial_state(made.state_spec(), 1, torch.zeros(1))
    heard = made.look_back + 1 if heard is None else heard
    if heard:
        _, state = made.step(torch.rand(1, heard, BINS), prepared, state)
    return count_macs(lambda: made.step(torch.rand(1, 1, BINS), prepared, state))


def formula(conditioner, layers, dim):
    """Count by hand: self-attention's four maps, 8 d^2 of feed-forward, three products with 101 keys; the rest."""
    layer = 4 * dim**2 + 8 * dim**2 + 3 * (BACK + 1) * dim
    own = {
        "concat": dim**2,
        "cross-attention": 2 * dim**2 + 2 * ENROLMENT * dim,
        "learned": 0,
    }[conditioner]
    return 2 * layers * layer + layers * own + 2 * BINS * dim


CONDITIONERS = {
    "concat": (Concat, {}),
    "cross-attention": (CrossAttention, {}),
    "learned": (CrossAttention, {"query": "learned"}),
}
COUNTS = {
    ("concat", 3): 5512192,
    ("concat", 6): 10892800,
    ("cross-attention", 3): 6169600,
    ("cross-attention", 6): 12207616,
    ("learned", 3): 5315584,
    ("learned", 6): 10499584,
}
"""Multiply-accumulates a frame, base and large: cross-attention costs 12 % more than concatenation."""


@pytest.mark.parametrize(("name", "layers"), COUNTS)
def test_a_frame_costs_what_its_products_do(name, layers):
    conditioner, options = CONDITIONERS[name]
    assert per_frame(network(conditioner, layers, **options)) == COUNTS[name, layers]
    assert formula(name, layers, 256) == COUNTS[name, layers]


@pytest.mark.parametrize("name", ["concat", "cross-attention"])
def test_the_cost_of_a_frame_grows_with_the_square_of_the_width(name):
    conditioner, options = CONDITIONERS[name]
    widths = [64, 128, 256, 512]
    costs = [per_frame(network(conditioner, dim=dim, **options)) for dim in widths]
    square = (costs[1] - 2 * costs[0]) / (128**2 - 2 * 64**2)  # a d^2 + b d through the first two
    linear = costs[0] / 64 - 64 * square
    assert [square * dim**2 + linear * dim for dim in widths] == costs
    assert square == 6 * 12 + 3 * {"concat": 1, "cross-attention": 2}[name]
    assert all(2 < after / before < 4 for before, after in pairwise(costs))


@pytest.mark.parametrize("name", CONDITIONERS)
def test_the_cost_of_a_frame_does_not_depend_on_when_it_comes(name):
    conditioner, options = CONDITIONERS[name]
    made = network(conditioner, dim=64, look_back=10, **options)
    assert len({per_frame(made, heard=heard) for heard in (0, 1, 11, 500)}) == 1


@pytest.mark.parametrize("dim", [64, 256])
def test_keys_and_values_of_the_enrolment_are_made_once(dim):
    """Their maps, 2 N E d a layer, are in `prepare`; a frame only compares with them."""
    made = network(CrossAttention, dim=dim)
    places = 6 * (BACK + 1) * dim**2  # relative positions, too
    once = count_macs(lambda: made.prepare(cue()))
    assert once == 3 * 2 * ENROLMENT * CUE * dim + places
    assert per_frame(made, frames=2 * ENROLMENT) - per_frame(made) == 3 * 2 * ENROLMENT * dim


def test_a_learned_query_and_concatenation_cost_a_frame_nothing_of_the_enrolment():
    for name in ("concat", "learned"):
        conditioner, options = CONDITIONERS[name]
        made = network(conditioner, dim=64, **options)
        assert per_frame(made, frames=600) == per_frame(made, frames=30)


def test_a_single_frame_is_computed_for_all_heads_at_once(monkeypatch):
    """Each head meets all channels: more products of attention, none that is copied; `_one` says why."""
    made = network(Concat, dim=64)
    apart = per_frame(made)
    monkeypatch.undo()
    heads, more = 8, 3 * BACK + 2
    assert per_frame(made) - apart == 6 * 64 * (heads * more - 3 * (BACK + 1))
