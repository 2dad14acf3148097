"""What the tests of pse-runtime share: tiny exported models, written once and kept in pytest's cache.

They need torch only to write those. ``pytest --confcutdir tests/runtime tests/runtime`` runs without it, on models of
an earlier run or in the folder that PSE_TEST_LIVE_MODELS names.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import fcntl
import functools
import hashlib
import shutil
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from live_rig import talk
from pse_runtime.model import Model

ROOT = Path(__file__).parents[2]
KINDS = ("gru", "transformer")


_DAY = 24 * 3600.0


@functools.cache
def made_of():
    """Hash what writes an exported model."""
    parts = [*sorted((ROOT / "pse_plugins" / "export").rglob("*.py")), ROOT / "tests" / "tiny_models.py"]
    parts += [ROOT / "runtime" / "pse_runtime" / "manifest.py", Path(__file__).with_name("tiny_export.py")]
    digest = hashlib.sha256()
    for file in parts:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def write_once(kind, path):
    """Export a model, in one of the processes that test at the same time; the others wait for it."""
    from tiny_export import write

    with open(path.with_name(f"{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_dir():
            write(kind, path)


@pytest.fixture(scope="session")
def live_models(pytestconfig, tmp_path_factory):
    """Give the folder of an exported model of a kind, ``live_models("gru")``."""
    own = os.environ.get("PSE_TEST_LIVE_MODELS")
    kept = getattr(pytestconfig, "cache", None)  # gone with -p no:cacheprovider
    made = kept.mkdir if kept is not None else tmp_path_factory.mktemp
    cache = Path(own) if own else made("live-models")
    for old in () if own else cache.iterdir():
        if time.time() - old.stat().st_mtime > _DAY:
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)

    def folder(kind):
        path = cache / (kind if own else f"{kind}-{made_of()}")
        if not path.is_dir() and not own and find_spec("torch") is not None:
            write_once(kind, path)
        found = [path] if path.is_dir() else sorted(p for p in cache.glob(f"{kind}-*") if p.is_dir())
        if not found:
            pytest.fail("no exported model: run these tests once where torch is, or set PSE_TEST_LIVE_MODELS")
        return found[-1]

    return folder


@pytest.fixture(scope="session", params=KINDS)
def any_model(request, live_models):
    """Load each of the models in turn."""
    return Model(live_models(request.param))


@pytest.fixture(scope="session")
def folder(live_models):
    """Where the model is that most tests take: recurrent, FiLM, 16 kHz, hops of 32."""
    return live_models("gru")


@pytest.fixture(scope="session")
def model(folder):
    """The model that most tests take."""
    return Model(folder)


@pytest.fixture(scope="session")
def voices(model):
    """Two speakers' profiles; to a random encoder all sound alike, so the second is turned round."""
    one = model.enrol([talk(3, seed=1)], 16000)
    return [one, replace(one, tokens=-one.tokens, vectors=-one.vectors)]


@pytest.fixture(scope="session")
def profile(voices):
    """One speaker's profile."""
    return voices[0]
