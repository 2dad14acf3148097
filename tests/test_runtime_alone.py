"""pse-runtime in an environment that holds what it needs and nothing else: no torch, no pse-plugins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import tiny_enhancer
from wheels import wheel_environment

from pse_plugins.export import export

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Make the environment: the built wheel, and links to what its metadata names."""
    path, found = wheel_environment(tmp_path_factory.mktemp("alone"), {"pse-runtime": ROOT / "runtime"})
    assert {"numpy", "onnxruntime", "soundfile", "soxr", "safetensors"} < found
    return path


@pytest.mark.slow
def test_it_enrols_and_streams_without_torch(alone, tmp_path, voice):
    enhancer = tiny_enhancer("cross-attention", "transformer")
    export(enhancer, tmp_path / "live", clip_seconds=2.0)
    soundfile.write(tmp_path / "me.wav", voice(120, 2.0), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "talk.wav", voice(150, 1.0, seed=1), 16000, subtype="FLOAT")

    def run(*words):
        return subprocess.run([alone, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "No module named 'torch'" in run("-c", "import torch").stderr
    assert "No module named 'pse_plugins'" in run("-c", "import pse_plugins").stderr
    command = "from pse_runtime.cli import main; main()"  # what the installed script pse-stream says
    said = run("-c", command, "talk.wav", "--enrol", "me.wav", "--model", "live", "--out", "out.wav")
    assert said.returncode == 0, said.stderr
    assert "algorithmic latency  4.0 ms (64 samples)" in said.stdout
    profile = enhancer.enrol([soundfile.read(tmp_path / "me.wav", dtype="float32")[0]], 16000)
    expected = enhancer.enhance(soundfile.read(tmp_path / "talk.wav", dtype="float32")[0], 16000, profile)
    found, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 1e-3
