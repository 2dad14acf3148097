"""VoiceFilter hears the whole signal, and nothing that fills a batch."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from tiny_models import OFFLINE, tiny_enhancer
from torch import nn

from pse_plugins.backbones.voicefilter import VoiceFilter
from pse_plugins.conditioners.concat import Concat
from pse_plugins.conditioners.film import Film
from pse_plugins.contracts import Prepared, SpeakerCue
from pse_plugins.errors import ConfigError
from pse_plugins.testing import integration

test_at_work = integration("backbone", "voicefilter", backbone_options=OFFLINE["voicefilter"])
BINS = 7
TINY = {"filters": 3, "maps": 2, "hidden": 5, "feed_forward": 24}


def network(conditioner=Concat, **options):
    torch.manual_seed(0)
    return VoiceFilter(BINS, partial(conditioner, cue_dim=4), **{**TINY, **options}).double().eval()


def cue():
    mask = torch.ones(2, 1, 3, dtype=torch.bool)
    return SpeakerCue(torch.randn(2, 1, 3, 4).double(), mask, torch.randn(2, 1, 4).double())


def test_the_convolutions_are_those_of_its_table():
    kernels = [tuple(c.kernel_size) for c in VoiceFilter(BINS, None).convolutions]
    assert kernels == [(1, 7), (7, 1), *[(5, 5)] * 5, (1, 1)]
    assert [c.dilation[0] for c in VoiceFilter(BINS, None).convolutions] == [1, 1, 1, 2, 4, 8, 16, 1]
    assert [c.out_channels for c in VoiceFilter(BINS, None, maps=8).convolutions] == [64] * 7 + [8]


@torch.no_grad()
def test_convolutions_reach_65_frames_and_13_bins_each_way():
    """Frames: 3, then 2 times 1 + 2 + 4 + 8 + 16. Bins: 3, then 5 times 2."""
    made = VoiceFilter(41, None, **TINY).double()
    for convolution in made.convolutions:
        convolution.weight.abs_()
    everywhere = torch.ones(1, 200, dtype=torch.bool)
    silence, click = torch.zeros(2, 1, 200, 41).double()
    click[0, 100, 20] = 1.0
    moved = (made._convolve(click, everywhere) != made._convolve(silence, everywhere)).view(200, 2, 41)
    frames, bins = moved.any((1, 2)).nonzero().flatten(), moved.any((0, 1)).nonzero().flatten()
    assert (frames.min(), frames.max()) == (100 - 65, 100 + 65)
    assert (bins.min(), bins.max()) == (20 - 13, 20 + 13)


@torch.no_grad()
def test_it_recurs_as_a_bidirectional_lstm():
    made, x = network(), torch.randn(2, 9, 2 * BINS).double()
    theirs = nn.LSTM(2 * BINS, 5, batch_first=True, bidirectional=True).double()
    for suffix, lstm in (("", made.onward), ("_reverse", made.backward)):
        for name, value in lstm.state_dict().items():
            getattr(theirs, name + suffix).copy_(value)
    torch.testing.assert_close(made._recur(x, torch.ones(2, 9, dtype=torch.bool)), theirs(x)[0])
    filled = torch.arange(9) < torch.tensor([[9], [4]])
    torch.testing.assert_close(made._recur(x, filled)[1:, :4], theirs(x[1:, :4])[0])


@torch.no_grad()
def test_every_mask_hears_every_frame():
    made, features = network(), torch.rand(2, 90, BINS).double()
    prepared = made.prepare(cue())
    mask = made(features, prepared)
    for k in (0, 50, 89):
        changed = features.clone()
        changed[:, k] += 1.0
        assert ((made(changed, prepared) - mask).abs().amax((0, 2)) > 0).all()


@torch.no_grad()
def test_what_fills_a_batch_is_not_heard():
    made, features, heard = network(), torch.rand(2, 30, BINS).double(), cue()
    prepared = made.listen(features, made.prepare(heard), torch.tensor([27, 12]))
    together = made(features, prepared)
    one = made.prepare(SpeakerCue(heard.tokens[1:], heard.mask[1:], heard.vectors[1:]))
    torch.testing.assert_close(together[1:, :15], made(features[1:, :15], one))


@pytest.mark.parametrize(
    ("conditioner", "options", "width"),
    [(Concat, {}, 2 * BINS), (Film, {}, 10), (Film, {"condition_site": "input"}, 2 * BINS)],
)
def test_the_speaker_comes_in_before_or_after_what_recurs(conditioner, options, width):
    made = network(conditioner, **options)
    assert next(iter(made.conditioner.children())).out_features == width
    features, mine, other = torch.rand(2, 9, BINS).double(), made.prepare(cue()), made.prepare(cue())
    assert (made(features, mine) - made(features, other)).abs().max() > 1e-6


def test_it_enhances_whole_signals_and_is_not_streamed(voice):
    enhancer = tiny_enhancer("concat", "voicefilter")
    profile, signal = enhancer.enrol([voice()], 16000), voice(seconds=0.3)
    assert enhancer.enhance(signal, 16000, profile).shape == signal.shape
    with pytest.raises(ConfigError, match="backbone 'voicefilter' cannot stream; use `pse enhance`"):
        enhancer.stream(profile)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"maps": 0}, "must be at least 1"), ({"condition_site": "features"}, "no condition_site 'features'")],
)
def test_what_cannot_be_is_said(options, words):
    with pytest.raises(ConfigError, match=words):
        network(**options)


def test_without_a_conditioner_it_needs_nobody():
    made = VoiceFilter(BINS, None, **TINY)
    assert not made.needs_cue
    assert made(torch.rand(1, 5, BINS), Prepared()).shape == (1, 5, BINS)
