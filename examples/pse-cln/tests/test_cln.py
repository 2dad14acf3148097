"""Conditional layer norm keeps to its contract, trains, streams, and starts as a layer norm."""

import pytest
import torch

from pse_plugins import build
from pse_plugins.contracts import SpeakerCue
from pse_plugins.errors import ConfigError
from pse_plugins.testing import conformance, integration

test_conformance = conformance("conditioner", "cln")
test_at_work = integration("conditioner", "cln")
test_gru_with_cln = conformance("backbone", "gru", conditioner="cln", hidden=8)


def cue(batch=3, width=16):
    return SpeakerCue(torch.zeros(batch, 1, 1, 1), torch.ones(batch, 1, 1) > 0, torch.randn(batch, 1, width))


def test_starts_close_to_a_plain_layer_norm():
    torch.manual_seed(0)
    norm, x = build("conditioner", "cln", dim=32, cue_dim=16), 7 + 3 * torch.randn(3, 20, 32)
    plain = torch.nn.functional.layer_norm(x, (32,))
    assert (norm(x, norm.prepare(cue())) - plain).square().mean() < 0.05


def test_level_and_offset_of_a_frame_do_not_matter():
    torch.manual_seed(0)
    norm, x = build("conditioner", "cln", dim=32, cue_dim=16), torch.randn(3, 20, 32)
    prepared = norm.prepare(cue())
    assert torch.allclose(norm(x, prepared), norm(100 * x - 5, prepared), atol=1e-3)


@pytest.mark.parametrize("options", [{"view": "frames"}, {"eps": 0.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="cln"):
        build("conditioner", "cln", dim=4, cue_dim=4, **options)
