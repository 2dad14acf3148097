"""pse-runtime in an environment that holds what it needs and nothing else: no torch, no pse-plugins."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import tiny_enhancer

from pse_plugins.export import export

ROOT = Path(__file__).parent.parent


def needed(name, found):
    """Collect a distribution and, without extras, all that it needs."""
    key = re.split(r"[ ;<>=!~\[(]", name)[0].lower().replace("_", "-")
    if key in found:
        return
    try:
        found[key] = distribution(key)
    except PackageNotFoundError:  # for another platform
        return
    for other in found[key].requires or ():
        if "extra ==" not in other:
            needed(other, found)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Make the environment: the built wheel, and links to what its metadata names."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    build = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*build, "--quiet", "--target", site, str(ROOT / "runtime")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    needed("pse-runtime", found)
    for key, dist in found.items():
        tops = (
            {file.parts[0] for file in dist.files or () if ".." not in file.parts}
            if key != "pse-runtime"
            else ()
        )
        for top in tops:
            if top != "__pycache__" and not (site / top).exists():
                (site / top).symlink_to(Path(dist.locate_file(top)))
    assert {"numpy", "onnxruntime", "soundfile", "soxr", "safetensors"} < set(found)
    return folder / "venv" / "bin" / "python"


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
