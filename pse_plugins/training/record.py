"""What a run leaves beside its weights, so that it can be run again and its bundle be judged."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import speechbrain as sb
import torch

from .. import requirements
from ..bundle import save
from ..enhancer import Enhancer
from ..errors import ConfigError

logger = logging.getLogger(__name__)


def write_record(
    recipe: str, argv: Sequence[str], settings: Mapping[str, Any], enhancer: Enhancer, output: Path
) -> None:
    """Write ``recipe.yaml``, ``run.json`` and ``plugins.txt``.

    Parameters
    ----------
    recipe : str
        Resolved.
    argv : sequence of str
        The command line.
    settings : mapping
        What the recipe built.
    enhancer : Enhancer
        What is trained.
    output : Path
        The run's folder.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "recipe.yaml").write_text(recipe, "utf-8")
    plain = {
        k: v
        for k, v in settings.items()
        if isinstance(v, str | int | float | bool | dict | list | type(None))
    }
    about = {
        "command": [Path(sys.argv[0]).name, *argv],
        "seed": settings["seed"],
        "git": commit(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "speechbrain": sb.__version__,
        "enhancer": enhancer.config,
        "settings": plain,
    }
    (output / "run.json").write_text(json.dumps(about, indent=1, default=str) + "\n", "utf-8")
    (output / "plugins.txt").write_text("\n".join(requirements.in_use()) + "\n", "utf-8")


def check_same_model(enhancer: Enhancer, output: Path) -> None:
    """Refuse a folder that holds checkpoints of another model, before anything in it is overwritten.

    Parameters
    ----------
    enhancer : Enhancer
        What is to be trained.
    output : Path
        The run's folder.

    Raises
    ------
    ConfigError
        That names the settings that differ.
    """
    record = output / "run.json"
    if not record.is_file() or not any((output / "save").glob("CKPT*")):
        return
    try:
        before = json.loads(record.read_text("utf-8"))["enhancer"]
    except (ValueError, KeyError, TypeError):
        return  # the checkpoints tell themselves
    now = json.loads(json.dumps(enhancer.config, default=str))
    differing = [f"{k}: {before.get(k)}, now {now[k]}" for k in now if before.get(k) != now[k]]
    if differing:
        raise ConfigError(
            f"{output} holds the checkpoints of another model ({'; '.join(differing)}); give another "
            "--output_folder, or remove that folder to start anew"
        )


def save_bundle(
    enhancer: Enhancer, settings: Mapping[str, Any], output: Path, meta: Mapping[str, Any]
) -> None:
    """Save the trained enhancer as ``bundle/``, with the scores of its checkpoint.

    Parameters
    ----------
    enhancer : Enhancer
        With its best weights.
    settings : mapping
        What the recipe built.
    output : Path
        The run's folder.
    meta : mapping
        What the checkpoint noted.
    """
    scores = {k: v for k, v in meta.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    save(
        enhancer,
        output / "bundle",
        licence=settings.get("licence", ""),
        training_hash=training_hash(output),
        training=scores,
        seed=settings["seed"],
    )
    logger.info("saved %s", output / "bundle")


def training_hash(output: Path) -> str:
    """Give a short hash of what a run was trained by and on: its command and code, and its lists of recordings.

    Parameters
    ----------
    output : Path
        The run's folder, with ``run.json`` and the manifests in ``data/``.

    Returns
    -------
    str
        The first 16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in (output / "run.json", *sorted((output / "data").glob("*.json"))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def commit() -> str:
    """Give the commit that this code is at, ``+`` if it was changed since; empty outside a checkout."""
    here = Path(__file__).parent
    try:
        commit, changed = (
            subprocess.run(
                ["git", *words], cwd=here, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")
