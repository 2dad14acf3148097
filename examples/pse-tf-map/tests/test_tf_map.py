"""Spectra as a cue and the map made of them keep to their contracts, train and stream."""

import numpy as np
import pytest
import torch

from pse_plugins import build
from pse_plugins.contracts import SpeakerCue
from pse_plugins.enhancer import build_enhancer
from pse_plugins.errors import ConfigError
from pse_plugins.testing import conformance

RATE = 16000
CONFIG = {
    "speaker_encoder": "spectrum",
    "speaker_encoder_options": {"input": "features"},
    "conditioner": "tf-map",
    "backbone_options": {"hidden": 12, "condition_site": "input"},
    "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
}

test_encoder = conformance(
    "speaker_encoder",
    "spectrum",
    n_bins=9,
    expected_failures={"fingerprint-follows-weights": "it has no weights"},
)
test_conditioner_on_spectra = conformance("conditioner", "tf-map", dim=6, cue_dim=6)
test_conditioner_on_hidden_features = conformance("conditioner", "tf-map")
test_gru_with_tf_map = conformance("backbone", "gru", conditioner="tf-map", hidden=8, n_bins=6)


def cue(spectra, frames=None):
    mask = torch.arange(spectra.shape[1]) < (spectra.shape[1] if frames is None else frames)
    return SpeakerCue(spectra[:, None], mask.expand(len(spectra), 1, -1), spectra.mean(1, keepdim=True))


def test_a_frame_that_is_in_the_enrolment_maps_to_itself():
    torch.manual_seed(0)
    spectra = torch.randn(2, 7, 32)
    conditioner = build("conditioner", "tf-map", dim=32, cue_dim=32, sharpness=200.0)
    frame = 3 * spectra[:, 4:5]
    want = frame - frame.mean(-1, keepdim=True)
    assert torch.allclose(conditioner.map(frame, conditioner.prepare(cue(spectra))), want, atol=1e-3)
    without = conditioner.map(frame, conditioner.prepare(cue(spectra, frames=4)))
    assert (without - want).norm() > 0.5 * want.norm()


def test_the_cue_is_the_features_of_the_enrolment():
    enhancer, clip = build_enhancer(CONFIG), torch.from_numpy(noise(1, 0))
    enhancer.frontend.standardise([clip])
    found = enhancer.embed(clip[None, None], torch.tensor([[RATE]]))
    features = enhancer.frontend.features(enhancer.frontend.analyse(clip[None]))
    assert torch.equal(found.tokens[0, 0, :500], features[0, :500])
    assert found.mask.sum() == RATE // 32


def test_the_first_layer_compares_spectra_as_they_are():
    first, second = build_enhancer(CONFIG).backbone.conditioners
    assert isinstance(first.spectrum, torch.nn.Identity)
    assert isinstance(second.spectrum, torch.nn.Linear)


@pytest.mark.parametrize("options", [{}, {"input": "waveform"}])
def test_an_encoder_without_bins_is_refused(options):
    with pytest.raises(ConfigError, match="spectrum"):
        build("speaker_encoder", "spectrum", **options)


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
