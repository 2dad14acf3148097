"""The gain keeps to its contract, trains and streams."""

import numpy as np
import pytest
import torch

from pse_plugins import build
from pse_plugins.enhancer import build_enhancer
from pse_plugins.testing import conformance

RATE = 16000
CONFIG = {
    "speaker_encoder": "gru-siamese",
    "speaker_encoder_options": {"hidden": 8},
    "conditioner": "gain",
    "backbone_options": {"hidden": 12},
    "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
}

test_conformance = conformance("conditioner", "gain")
test_gru_with_gain = conformance("backbone", "gru", conditioner="gain", hidden=8)


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
