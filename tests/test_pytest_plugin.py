"""What pytest finds where pse-plugins is installed costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_fixtures_make_voices_and_enhancers(pse_voice, pse_enhancer):
    assert pse_voice(8000, seconds=0.5).shape == (4000,)
    assert pse_enhancer(conditioner="add").needs_cue
    assert not pse_enhancer(conditioner=None).needs_cue


def test_tests_of_other_things_do_not_import_torch(tmp_path):
    (tmp_path / "test_other.py").write_text(
        "import sys\ndef test_it():\n    assert 'torch' not in sys.modules\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "pse_plugins.pytest_plugin",
        "-p",
        "no:cacheprovider",
        ".",
    ]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
