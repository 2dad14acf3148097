"""The Transformer does what the equations of Zhang et al. and of Transformer-XL say, in one direction and in two."""

from __future__ import annotations

import pytest
import torch
from paper_rows import BINS, cue_of, row
from tiny_models import OFFLINE, tiny_enhancer
from torch import nn
from torch.nn import functional

from pse_plugins.backbones.relative_attention import RelativeAttention, sinusoids, where_filled
from pse_plugins.contracts import Prepared, SpeakerCue, initial_state
from pse_plugins.errors import ConfigError
from pse_plugins.testing import integration

test_a_bidirectional_one_at_work = integration(
    "backbone", "transformer", backbone_options=OFFLINE["transformer"]
)


def attention(both_ways):
    torch.manual_seed(0)
    made = RelativeAttention(2, 4, both_ways).double()
    for bias in (made.content_bias, made.position_bias):
        nn.init.normal_(bias)
    return made


def expected(made, x, allowed):
    """Transformer-XL's attention, query by query and key by key."""
    query, key, value = (
        getattr(made, n)(x).unflatten(-1, (2, 4)) for n in ("query", "key", "value")
    )  # [T, 2, 4]
    rows = []
    for q in range(len(x)):
        for head in range(2):
            scores, values = [], []
            for k in filter(lambda k, q=q: allowed(q, k), range(len(x))):
                place = sinusoids(torch.tensor([float(q - k)]).double(), 8)
                place = made.position(place)[0].unflatten(-1, (2, 4))[head]
                content = (query[q, head] + made.content_bias[head, 0]) @ key[k, head]
                position = (query[q, head] + made.position_bias[head, 0]) @ place
                scores.append((content + position) / 2)
                values.append(value[k, head])
            rows.append(torch.stack(scores).softmax(0) @ torch.stack(values))
    return made.out(torch.stack(rows).view(len(x), 8))


@pytest.mark.parametrize(("frames", "back"), [(7, 3), (7, 0), (70, 3), (70, 40), (64, 32), (33, 32), (97, 8)])
@torch.no_grad()
def test_attention_over_the_past_is_transformer_xl_s(frames, back):
    """In one block and in several; the first item with nothing before it, the other with as much as it sees."""
    made, x = attention(False), torch.randn(2, back + frames, 8).double()
    places = made.positions(sinusoids(torch.arange(back, -1, -1.0).double(), 8))
    before = x[:, :back] * torch.tensor([0.0, 1.0])[:, None, None]
    filled = torch.ones(2, back + frames).double()
    filled[0, :back] = 0
    got, _, _ = made(x[:, back:], places, made.key(before), made.value(before), where_filled(filled, frames))
    near = expected(made, x[1], lambda q, k: 0 <= q - k <= back)[back:]
    torch.testing.assert_close(got[1], near)
    torch.testing.assert_close(got[0], expected(made, x[0, back:], lambda q, k: 0 <= q - k <= back))


@torch.no_grad()
def test_frame_by_frame_attention_is_the_same():
    made, x, back = attention(False), torch.randn(7, 8).double(), 3
    places = made.positions(sinusoids(torch.arange(back, -1, -1.0).double(), 8))
    keys = values = torch.zeros(1, back, 8).double()
    rows = []
    for t in range(7):
        filled = torch.cat([torch.zeros(1, max(0, back - t)), torch.ones(1, min(t, back) + 1)], 1).double()
        row, keys, values = made(x[None, t : t + 1], places, keys, values, where_filled(filled, 1))
        rows.append(row[0])
    torch.testing.assert_close(torch.cat(rows), expected(made, x, lambda q, k: 0 <= q - k <= back))


@pytest.mark.parametrize("frames", [1, 2, 7])
@torch.no_grad()
def test_attention_both_ways_is_transformer_xl_s(frames):
    made, x = attention(True), torch.randn(frames, 8).double()
    places = made.positions(sinusoids(torch.arange(frames - 1.0, -frames, -1.0).double(), 8))
    nothing = torch.zeros(1, 0, 8).double()
    got, _, _ = made(x[None], places, nothing, nothing, torch.zeros(()).double())
    torch.testing.assert_close(got[0], expected(made, x, lambda q, k: True))


def decoder_layer(name):
    """Give a decoder layer, frames and what it is called with; and the result of its self-attention."""
    made, cue = row(name)
    prepared = made.prepare(cue).part("layers.4")
    state = initial_state(made.state_spec(), 2, torch.zeros(1).double())
    bias = where_filled(torch.cat([state["filled"], torch.ones(2, 6)], 1), 6)
    given = (prepared.tensors["positions"], state["keys.4"], state["values.4"], bias)

    def attend(y):
        return made.layers[4].attention(y, *given)[0]

    x = torch.randn(2, 6, 8).double()
    got = made.layers[4](x, prepared, given[1], given[2], bias)[0]
    return made.layers[4], x, cue, attend, got


def feed_forward(layer, y):
    return layer.feed_norm(y + layer.down(torch.relu(layer.up(y))))


@torch.no_grad()
def test_concat_decoder_is_equations_1_to_3():
    layer, x, cue, attend, got = decoder_layer("concat, means of five utterances")
    pooled = torch.stack([cue.tokens[:, q, : 9 - q].mean(1) for q in range(5)]).mean(0)  # [B, E]
    h = functional.layer_norm(pooled, pooled.shape[-1:]).unsqueeze(1).expand(-1, 6, -1)
    weight = torch.cat([layer.conditioner.of_frame.weight, layer.conditioner.of_cue.weight], 1)
    y = functional.linear(torch.cat([x, h], 2), weight, layer.conditioner.of_frame.bias)
    y = layer.attention_norm(y + attend(y))
    torch.testing.assert_close(got, feed_forward(layer, y))


@torch.no_grad()
def test_cross_attention_decoder_is_equations_4_to_6():
    layer, x, cue, attend, got = decoder_layer("cross-attention, last frames of five utterances")
    inner = layer.conditioner
    h = torch.stack([cue.tokens[:, q, 8 - q] for q in range(5)], 1)  # [B, 5, E]
    h = functional.layer_norm(h, h.shape[-1:])
    theirs = nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True).double()
    for name in ("query", "key", "value"):
        getattr(theirs, f"{name[0]}_proj_weight").copy_(getattr(inner, name).weight)
    theirs.in_proj_bias.copy_(torch.cat([inner.query.bias, inner.key.bias, inner.value.bias]))
    theirs.out_proj.load_state_dict(inner.out.state_dict())
    y = layer.attention_norm(x + attend(x))
    y = inner.norm(y + theirs(y, h, h)[0])
    torch.testing.assert_close(got, feed_forward(layer, y))


@pytest.mark.parametrize(
    "name", ["concat, means of five utterances", "cross-attention, frames of one utterance"]
)
def test_dropout_is_on_every_sub_component(name):
    """With all of it dropped only norms are left, and of a concatenation nothing."""
    made, _ = row(name, dropout=1.0)
    layer, x = made.layers[4].train(), torch.randn(2, 6, 8).double()
    layer.conditioner.dropout.p = 1.0
    prepared = made.prepare(cue_of(1)).part("layers.4")
    nothing = torch.zeros(2, 5, 8).double()
    got = layer(x, prepared, nothing, nothing, torch.zeros(1).double())[0]
    y = layer.attention_norm(x * (layer.site != "input"))
    y = layer.conditioner.norm(y) if layer.site == "after-attention" else y
    torch.testing.assert_close(got, layer.feed_norm(y))


def bidirectional(name="cross-attention, frames of one utterance"):
    return row(name, bidirectional=True)


@torch.no_grad()
def test_a_bidirectional_frame_sees_all_frames_and_tells_before_from_after():
    made, cue = bidirectional()
    features, prepared = torch.rand(2, 40, BINS).double(), made.prepare(cue)
    mask = made(features, prepared)
    for k in (0, 17, 39):
        changed = features.clone()
        changed[:, k] += 1.0
        assert ((made(changed, prepared) - mask).abs().amax((0, 2)) > 0).all()
    assert (made(features.flip(1), prepared).flip(1) - mask).abs().max() > 1e-4


@torch.no_grad()
def test_a_bidirectional_one_does_not_see_what_fills_a_batch():
    made, cue = bidirectional()
    features, frames = torch.rand(2, 20, BINS).double(), torch.tensor([18, 11])
    prepared = made.listen(features, made.prepare(cue), frames)
    together = made(features, prepared)
    alone = SpeakerCue(cue.tokens[1:], cue.mask[1:], cue.vectors[1:])
    expected = made(features[1:, :13], made.prepare(alone))  # the analysis appends 2 frames to each
    torch.testing.assert_close(together[1:, :13], expected)


@torch.no_grad()
def test_an_enhancer_gives_a_shorter_signal_of_a_batch_what_it_gets_alone():
    enhancer = tiny_enhancer("film", "transformer", backbone_options=OFFLINE["transformer"]).double()
    signals, enrolment = torch.randn(2, 3200).double(), torch.randn(2, 1, 16000).double()
    cue = enhancer.embed(enrolment, torch.full((2, 1), 16000))
    signals[1, 1600:] = 0.0
    together = enhancer(signals, cue, lengths=torch.tensor([3200, 1600])).estimate[1, :1600]
    one = SpeakerCue(cue.tokens[1:], cue.mask[1:], cue.vectors[1:])
    torch.testing.assert_close(together, enhancer(signals[1:, :1600], one).estimate[0])
    careless = enhancer(signals, cue).estimate[1, :1600]
    assert (careless - together).abs().max() > 1e-6, "the lengths matter"


def test_a_bidirectional_one_is_not_streamed(voice):
    made, _ = bidirectional()
    assert not made.can_stream
    with pytest.raises(ConfigError, match="bidirectional one cannot stream"):
        made.step(torch.rand(1, 1, BINS), Prepared(), {})
    enhancer = tiny_enhancer("film", "transformer", backbone_options=OFFLINE["transformer"])
    profile = enhancer.enrol([voice()], 16000)
    with pytest.raises(ConfigError, match="backbone 'transformer' cannot stream; use `pse enhance`"):
        enhancer.stream(profile)
    signal = torch.randn(4000).numpy()
    assert enhancer.enhance(signal, 16000, profile).shape == signal.shape
