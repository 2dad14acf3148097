"""How conditioners read a cue."""

import pytest
import torch

from pse_plugins.cue import VIEWS, SpeakerCue


def small_cue(scale):
    """Make two speakers' cues of small numbers; the second utterance of the first is absent."""
    mask = torch.ones(2, 2, 5, dtype=torch.bool)
    mask[0, 1] = False
    return SpeakerCue(scale * torch.randn(2, 2, 5, 64), mask, scale * torch.randn(2, 2, 64))


@pytest.mark.parametrize("view", VIEWS)
def test_tokens_have_one_scale_whatever_the_encoders(view):
    tokens, mask = small_cue(0.06).view(view)
    there = tokens[mask]
    torch.testing.assert_close(there.mean(-1), torch.zeros(len(there)), rtol=0, atol=1e-4)
    torch.testing.assert_close(there.std(-1, correction=0), torch.ones(len(there)), rtol=0, atol=0.03)
    assert torch.equal(tokens[~mask], torch.zeros_like(tokens[~mask]))


def test_tokens_as_they_are_can_be_had():
    cue = small_cue(0.06)
    tokens, _ = cue.view("utterances", normalise=False)
    assert torch.equal(tokens[1], cue.vectors[1])
