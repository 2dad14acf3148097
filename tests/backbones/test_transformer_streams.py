"""Each streaming row of the paper gives offline's masks, and sees no further back than its layers add up to."""

from __future__ import annotations

import pytest
import torch
from paper_rows import BINS, ROWS, SMALL, row
from torch.nn import functional

from pse_plugins.contracts import initial_state

FIELD = 6 * SMALL["look_back"] + 1
"""Frames that one mask depends on: six layers of look-back, and its own."""

LENGTH = 3 * FIELD + 4


@pytest.fixture(params=ROWS)
def network(request):
    return row(request.param)


def stream(made, prepared, features, sizes):
    state, masks, start = initial_state(made.state_spec(), len(features), features), [], 0
    for size in sizes:
        mask, state = made.step(features[:, start : start + size], prepared, state)
        masks.append(mask)
        start += size
    return torch.cat(masks, dim=1)


def blocks(seed):
    """Draw sizes that add up to the length, some of them longer than the look-back."""
    cuts = torch.randperm(LENGTH - 1, generator=torch.Generator().manual_seed(seed))[: 5 + 15 * seed] + 1
    edges = torch.tensor([0, *sorted(cuts.tolist()), LENGTH])
    return edges.diff().tolist()


@torch.no_grad()
def test_any_blocks_give_the_masks_of_the_whole_signal(network):
    made, cue = network
    features = torch.rand(2, LENGTH, BINS).double()
    prepared = made.prepare(cue)
    whole = made(features, prepared)
    for sizes in ([1] * LENGTH, [LENGTH], blocks(0), blocks(1), blocks(2)):
        torch.testing.assert_close(stream(made, prepared, features, sizes), whole, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_frame_is_felt_from_itself_on_for_as_long_as_the_layers_look_back(network):
    made, cue = network
    features = torch.rand(2, LENGTH, BINS).double()
    prepared = made.prepare(cue)
    for k in (0, 40):
        changed = features.clone()
        changed[:, k] += 1.0
        moved = (made(changed, prepared) - made(features, prepared)).abs().amax((0, 2)) > 0
        assert moved.nonzero().flatten().tolist() == list(range(k, k + FIELD))


@torch.no_grad()
def test_the_enrolment_is_seen_at_every_frame_and_its_padding_at_none(network):
    made, cue = network
    features = torch.rand(2, 8, BINS).double()
    mask = made(features, made.prepare(cue))
    other = type(cue)(cue.tokens.flip(0), cue.mask, cue.vectors.flip(0))
    assert ((made(features, made.prepare(other)) - mask).abs().amax((0, 2)) > 1e-9).all()
    tokens = torch.where(cue.mask.unsqueeze(-1), cue.tokens, 1e3)
    longer = functional.pad(tokens, (0, 0, 0, 4), value=1e3)
    filled = type(cue)(longer, functional.pad(cue.mask, (0, 4)), cue.vectors)
    torch.testing.assert_close(made(features, made.prepare(filled)), mask)


@torch.no_grad()
def test_where_frames_look_in_the_enrolment_can_be_seen():
    made, cue = row("cross-attention, frames of one utterance")
    seen = {}
    for name, module in made.named_modules():
        if name.endswith("conditioner"):
            module.register_forward_hook(
                lambda layer, given, _, name=name: seen.update({name: layer.attention(*given)})
            )
    made(torch.rand(2, 8, BINS).double(), made.prepare(cue))
    assert list(seen) == [f"layers.{i}.conditioner" for i in (3, 4, 5)]
    for weights in seen.values():
        assert weights.shape == (2, 2, 8, 9)  # [B, heads, T, N]
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 8).double())
        assert weights.std(2).max() > 1e-4, "frames look at different places"
