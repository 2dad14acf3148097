"""Cross-attention and its two controls: a learned query, and one vector instead of frames."""

from __future__ import annotations

import pytest
import torch

from pse_plugins.conditioners.cross_attention import CrossAttention
from pse_plugins.contracts import SpeakerCue
from pse_plugins.cost import count_macs
from pse_plugins.errors import ConfigError


def attending(**options):
    torch.manual_seed(0)
    return CrossAttention(dim=8, cue_dim=6, heads=2, **options).double().eval()


def cue(tokens=None, frames=9):
    tokens = torch.randn(2, 1, frames, 6).double() if tokens is None else tokens
    mask = torch.ones(tokens.shape[:3], dtype=torch.bool)
    return SpeakerCue(tokens, mask, tokens[:, :, -1])


@torch.no_grad()
def test_a_learned_query_is_frames_that_all_ask_the_same():
    """Nothing but the query differs: frames whose queries are that one get the same, value for value."""
    pooling, frames = attending(query="learned"), attending()
    frames.load_state_dict(pooling.state_dict(), strict=False)
    frames.query.weight.zero_()
    frames.query.bias.copy_(pooling.learned.flatten())
    x, heard = torch.randn(2, 5, 8).double(), cue()
    torch.testing.assert_close(
        pooling(x, pooling.prepare(heard)), frames(x, frames.prepare(heard)), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        pooling.attention(x, pooling.prepare(heard)), frames.attention(x, frames.prepare(heard))
    )


@torch.no_grad()
def test_a_learned_query_pools_once_for_a_speaker():
    pooling, heard, x = attending(query="learned"), cue(), torch.randn(2, 5, 8).double()
    prepared = pooling.prepare(heard)
    assert prepared.tensors["pooled"].shape == (2, 1, 8)
    assert prepared.tensors["weights"].amax() > 1.5 / 9, "it prefers some frames"
    assert count_macs(lambda: pooling(x, prepared)) == 0
    torch.testing.assert_close(pooling(x, prepared), pooling.norm(x + prepared.tensors["pooled"]))


@pytest.mark.parametrize("query", ["frame", "learned"])
@torch.no_grad()
def test_attention_over_copies_of_a_vector_is_attention_over_the_vector(query):
    of_frames, of_vector = attending(query=query), attending(query=query, view="vector-last")
    vector, x = torch.randn(2, 1, 1, 6).double(), torch.randn(2, 5, 8).double()
    repeated, single = cue(vector.expand(-1, -1, 9, -1)), cue(vector)
    torch.testing.assert_close(
        of_frames(x, of_frames.prepare(repeated)), of_vector(x, of_vector.prepare(single))
    )
    assert (of_vector.attention(x, of_vector.prepare(single)) == 1).all()


@torch.no_grad()
def test_dropout_is_of_what_attention_adds_and_in_training_only():
    dropping, x, heard = attending(dropout=1.0), torch.randn(2, 5, 8).double(), cue()
    prepared = dropping.prepare(heard)
    assert not torch.equal(dropping(x, prepared), dropping.norm(x))
    assert torch.equal(dropping.train()(x, prepared), dropping.norm(x))


def test_an_unknown_query_is_named():
    with pytest.raises(ConfigError, match="no query 'frames'; did you mean 'frame'"):
        attending(query="frames")
