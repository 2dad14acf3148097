"""Both wheels in an environment without extras: the default model cleans a recording, with nothing fetched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from wheels import wheel_environment

from pse_plugins import bundle
from pse_plugins.resources import share

ROOT = Path(__file__).parent.parent
RATE = 16000


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    built = {"pse-runtime": ROOT / "runtime", "pse-plugins": ROOT}
    path, found = wheel_environment(tmp_path_factory.mktemp("wheel"), built)
    assert "torch" in found and not {"resemblyzer", "onnx", "pytest"} & found
    return path


@pytest.mark.slow
def test_the_default_model_is_in_the_wheel_and_needs_no_more(python, tmp_path, voice):
    me, other = voice(120, 3.0), voice(210, 3.0, seed=1)
    soundfile.write(tmp_path / "me.wav", me, RATE, subtype="FLOAT")
    mixture = (voice(120, 3.0, seed=2) + other).astype(np.float32)
    soundfile.write(tmp_path / "noisy.wav", mixture, RATE, subtype="FLOAT")

    def run(*words):
        command = [python, "-c", "from pse_plugins.cli import main; main()", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    made = run("enhance", "noisy.wav", "--enrol", "me.wav", "--out", "clean.wav")
    assert made.returncode == 0, made.stderr
    found, _ = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    expected = bundle.load(share("models") / "default").enhance(mixture, RATE, [me])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 1e-3 and np.abs(expected - mixture).max() > 1e-3
    recipe = run("train", "LibriSpeech/personalised/gru")
    assert recipe.returncode == 2 and "data_folder" in recipe.stderr  # it is there, and says what it wants
    assert share("models").parent.name != "_share"  # the model above is this folder's own
