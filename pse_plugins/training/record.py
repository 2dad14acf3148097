"""What a run leaves beside its weights, so that it can be run again and its bundle be judged."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import speechbrain as sb
import torch
import yaml

from .. import requirements
from ..assembly import named_components, with_defaults
from ..bundle import describe, save
from ..enhancer import Enhancer
from ..errors import ConfigError
from . import recipe_text
from .plain_yaml import tagged

logger = logging.getLogger(__name__)


def write_record(
    recipe: str, argv: Sequence[str], settings: Mapping[str, Any], enhancer: Enhancer, output: Path
) -> None:
    """Write the record of an enhancer's training; see `write_run`."""
    built = {"enhancer": with_defaults(enhancer.config)}
    write_run(recipe, argv, settings, output, built, plugins(enhancer, settings))


def write_run(
    recipe: str,
    argv: Sequence[str],
    settings: Mapping[str, Any],
    output: Path,
    built: Mapping[str, Any],
    used: Sequence[str],
) -> None:
    """Write ``recipe.yaml``, ``run.json`` and ``plugins.txt``.

    Parameters
    ----------
    recipe : str
        Resolved; the packages of other people's components are added to what it requires.
    argv : sequence of str
        The command line.
    settings : mapping
        What the recipe built.
    output : Path
        The run's folder.
    built : mapping
        What is trained, as plain data: ``{"enhancer": config}``.
    used : sequence of str
        The packages that its components come from, ``"pse-moe==0.1"``.
    """
    output.mkdir(parents=True, exist_ok=True)
    required = requirements.stated_and_used(recipe, used)
    text = recipe_text.put(recipe, requirements.KEY, str(required)) if required else recipe
    (output / "recipe.yaml").write_text(text, "utf-8")
    plain = {
        k: v
        for k, v in settings.items()
        if isinstance(v, str | int | float | bool | dict | list | type(None))
    }
    about = {
        "command": ["pse", "train", *argv],
        "seed": settings["seed"],
        "git": commit(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "speechbrain": sb.__version__,
        **built,
        "settings": plain,
    }
    (output / "run.json").write_text(json.dumps(about, indent=1, default=str) + "\n", "utf-8")
    (output / "plugins.txt").write_text("\n".join(used) + "\n", "utf-8")


def plugins(enhancer: Enhancer, settings: Mapping[str, Any]) -> list[str]:
    """List the packages that a run's components come from, ``"pse-moe==0.1"``, this one among them.

    Parameters
    ----------
    enhancer : Enhancer
        What is trained.
    settings : mapping
        What the recipe built; its loss counts.
    """
    named = [(kind, place[key]) for kind, place, key in named_components(_built(enhancer))]
    return requirements.of_components([*named, ("loss", settings.get("loss") or "si-sdr")])


def in_words(enhancer: Enhancer) -> str:
    """Name the parts that an enhancer is built of, ``"d-vector + film + gru"``."""
    built = _built(enhancer)
    return " + ".join(built[kind] for kind in ("speaker_encoder", "conditioner", "backbone") if built[kind])


def _built(enhancer: Enhancer) -> dict[str, Any]:
    """Give the configuration of what there is: an encoder that nothing reads is named and not built."""
    return enhancer.config if enhancer.speaker_encoder else {**enhancer.config, "speaker_encoder": None}


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
    now = json.loads(json.dumps(with_defaults(enhancer.config), default=str))
    changed = [key for key in now if before.get(key) != now[key]]
    own = [
        key for key in changed if key.removesuffix("_options") not in changed or not key.endswith("_options")
    ]
    differing = [
        f"{key}: {before.get(key)}, now {now[key]}" for key in own
    ]  # options follow from another name
    if differing:
        raise ConfigError(
            f"{output} holds the checkpoints of another model ({'; '.join(differing)}); give another "
            "--output_folder, or remove that folder to start anew"
        )


_HOW = {
    *("number_of_epochs", "max_minutes", "optimizer_step_limit", "evaluate", "valid_batch_size"),
    *("cue_cache", "cue_folder"),
    *("num_workers", "threads", "noprogressbar", "ckpt_interval_minutes", "ckpt_interval_steps", "max_bytes"),
    *("precision", "eval_precision", "find_unused_parameters", "licence", "requires_plugins"),
    *("data_folder", "noise_folder", "save_folder", "output_folder"),
}
"""What may change between two runs of one training; so may the options of data whose names begin with test."""
_LENGTH = {"number_of_epochs", "max_minutes", "optimizer_step_limit"}


def check_same_settings(recipe: str, output: Path) -> None:
    """Refuse to go on with a training by other settings, before anything in its folder is overwritten.

    Parameters
    ----------
    recipe : str
        Resolved, as it would be recorded.
    output : Path
        The run's folder.

    Raises
    ------
    ConfigError
        That names the settings that differ.
    """
    record = output / "recipe.yaml"
    if not record.is_file() or not any((output / "save").glob("CKPT*")):
        return
    try:
        differing = differences(deciding(record.read_text("utf-8")), deciding(recipe))
    except (OSError, ValueError, yaml.YAMLError):
        return
    if differing:
        raise ConfigError(
            f"{output} holds a training by other settings ({'; '.join(differing)}); give another "
            "--output_folder, or remove that folder to start anew"
        )


def deciding(recipe: str, *, length: bool = False) -> dict[str, Any]:
    """Give the settings that decide a training by name: ``{"opt_class.lr": 0.001}``; what is empty is left out.

    Parameters
    ----------
    recipe : str
        Resolved.
    length : bool
        How long the training is counts, too.
    """
    return dict(_leaves(tagged(recipe), _HOW - _LENGTH if length else _HOW))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what two mappings of settings differ in, ``"lr: 0.1, now 0.2"``; what one lacks is null."""
    return [
        f"{key}: {_shown(before.get(key))}, now {_shown(now.get(key))}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]


def _leaves(settings: Mapping[str, Any], how: Set[str], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if key in how or key.startswith("__") or (above and key.startswith("test_")):
            continue
        if isinstance(value, dict):
            yield from _leaves(value, how, f"{above}{key}.")
        elif value not in (None, []):
            yield f"{above}{key}".removesuffix(".!"), value


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).removeprefix("name:")


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
    record = {
        "licence": settings.get("licence", ""),
        "training_hash": training_hash(output),
        "commit": commit(),
        "training": scores,
        "seed": settings["seed"],
        "start": settings.get("start"),
        "start_weights": settings.get("start_weights"),
    }
    save(enhancer, output / "bundle", half=False, **record)
    licence = describe(output / "bundle")["record"]["licence"]
    logger.info("saved %s; licence: %s", output / "bundle", licence or "none stated (--licence)")


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


_LOG = "train_log.txt"


def write_log(folder: Path, record: Mapping[str, float], rate: float) -> None:
    """Write an epoch's scores to ``train_log.txt``, in SpeechBrain's form.

    Parameters
    ----------
    folder : Path
        The run's.
    record : mapping
        ``epoch``, ``minutes``, ``train_loss``, and what validation found.
    rate : float
        The learning rate.
    """
    train = f"epoch: {int(record['epoch'])}, minutes: {record['minutes']:.2f}, lr: {rate:.2e}"
    scores = {k: v for k, v in record.items() if k not in ("epoch", "minutes", "train_loss")}
    valid = ", ".join(f"valid {k}: {v:.3f}" for k, v in scores.items())
    with (folder / _LOG).open("a", encoding="utf-8") as log:
        log.write(f"{train} - train loss: {record['train_loss']:.3f} - {valid}\n")


def read_log(path: Path) -> dict[str, list[float]]:
    """Read what validation found, and the minutes: name -> one an epoch; nothing where there is no such file."""
    found: dict[str, list[float]] = {}
    text = path.read_text("utf-8") if path.is_file() else ""
    for name, value in re.findall(r"(valid \w+|minutes): ([-\d.]+)", text):
        found.setdefault(name.removeprefix("valid "), []).append(float(value))
    return found
