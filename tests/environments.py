"""Virtual environments for tests that install packages, without fetching any."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(name="environment", scope="module")
def make_environment(tmp_path_factory):
    """An environment of its own that sees what is installed here, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    (site / "pse.pth").write_text(f"{ROOT}\n")
    if not any(Path(path).glob("pse_plugins-*.dist-info") for path in here):
        pytest.fail("pse-plugins is not installed here: pip install -e '.[dev]'")
    scripts = "\n".join(("#!/bin/sh", f'exec "{folder}/bin/python" -m {{}} "$@"', ""))
    for name, module in (("pse", "pse_plugins.cli"), ("pytest", "pytest")):
        (folder / "bin" / name).write_text(scripts.format(module))
        (folder / "bin" / name).chmod(0o755)
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **offline, "PATH": path, "COLUMNS": "120", "OMP_NUM_THREADS": "1"}
