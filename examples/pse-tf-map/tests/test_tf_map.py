"""Spectra as a cue and the map made of them keep to their contracts, train and stream."""

import pytest
import torch
from pse_tf_map.tf_map import TfMap

from pse_plugins import build
from pse_plugins.contracts import SpeakerCue
from pse_plugins.errors import ConfigError
from pse_plugins.testing import conformance, integration, small_enhancer

TOGETHER = {"speaker_encoder": "spectrum", "conditioner": "tf-map"}

test_encoder = conformance("speaker_encoder", "spectrum", n_bins=9)
test_conditioner_on_spectra = conformance("conditioner", "tf-map", dim=6, cue_dim=6)
test_encoder_at_work = integration("speaker_encoder", "spectrum")
test_both_at_work = integration("conditioner", "tf-map", speaker_encoder="spectrum")
test_before_a_transformer = integration(
    "conditioner",
    "tf-map",
    speaker_encoder="spectrum",
    backbone="transformer",
    backbone_options={"encoder_layers": 0, "decoder_layers": 1, "heads": 2, "head_dim": 4, "look_back": 5},
)


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
    enhancer, clip = small_enhancer(**TOGETHER), 0.1 * torch.randn(16000)
    enhancer.frontend.standardise([clip])
    found = enhancer.embed(clip[None, None], torch.tensor([[16000]]))
    features = enhancer.frontend.features(enhancer.frontend.analyse(clip[None]))
    assert torch.equal(found.tokens[0, 0, :500], features[0, :500])
    assert found.mask.sum() == 16000 // 32


def test_it_stands_once_before_the_backbone():
    enhancer = small_enhancer(**TOGETHER)
    assert sum(isinstance(module, TfMap) for module in enhancer.modules()) == 1
    assert not enhancer.backbone.backbone.needs_cue


def test_a_cue_that_is_no_spectrum_is_refused():
    with pytest.raises(ConfigError, match="use speaker_encoder: spectrum"):
        small_enhancer(conditioner="tf-map", speaker_encoder="gru-siamese")
