"""Files of weights say what they are."""

import pytest
import torch
from safetensors.torch import save_file

from pse_plugins.errors import BundleError
from pse_plugins.speaker_encoders.d_vector import DVector
from pse_plugins.speaker_encoders.weights import licence_of, save_weights

SIZE = {"hidden": 8, "layers": 1}


@pytest.fixture
def trained(tmp_path):
    """An encoder that hears log mel frames, saved."""
    path = tmp_path / "encoder.safetensors"
    save_weights(DVector(weights=None, log_mel=True, **SIZE), path, {"log_mel": True, **SIZE}, "CC BY 4.0")
    return path


def test_weights_are_used_as_they_were_trained(trained):
    with pytest.raises(BundleError, match="was trained with log_mel: true; set it so"):
        DVector(weights=str(trained), **SIZE)
    assert DVector(weights=str(trained), log_mel=True, partials=True, **SIZE).frozen
    assert licence_of(trained) == "CC BY 4.0"


def test_a_file_that_says_nothing_is_taken_as_it_is(tmp_path):
    path = tmp_path / "bare.safetensors"
    save_file(DVector(weights=None, **SIZE).state_dict(), path)
    assert isinstance(DVector(weights=str(path), log_mel=True, **SIZE).linear.weight, torch.Tensor)
    assert licence_of(path) == "bare.safetensors (licence not stated)"
