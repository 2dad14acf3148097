"""Environments that hold built wheels, what their metadata names, and nothing else; nothing is fetched."""

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


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


def wheel_environment(folder, built):
    """Install wheels, name -> source folder, and link to what they need; gives Python's path and the names found."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    build = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    for source in built.values():
        done = subprocess.run(
            [*build, "--quiet", "--target", site, str(source)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    found = {}
    for name in built:
        needed(name, found)
    for key, dist in found.items():
        files = () if key in built else dist.files or ()
        for top in {file.parts[0] for file in files if ".." not in file.parts}:
            if top != "__pycache__" and not (site / top).exists():
                (site / top).symlink_to(Path(dist.locate_file(top)))
    return folder / "bin" / "python", set(found)
