"""What the command-line tests share: a tiny model in a bundle, speech-like audio, and ``pse`` in this process."""

import atexit
import contextlib
import functools
import io
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile
import torch

from pse_plugins import bundle, cli
from pse_plugins.assembly import build_enhancer
from pse_plugins.enhancer import Enhancer

RATE = 8000
ROOT = Path(__file__).parents[2]


def tiny(**options):
    """Build a small enhancer with a frozen encoder, as pretrained weights would make it."""
    torch.manual_seed(0)
    config = {
        "sample_rate": RATE,
        "frontend_options": {"frame": 128, "hop": 64},
        "speaker_encoder": "d-vector",
        "speaker_encoder_options": {"weights": None, "hidden": 8, "layers": 1},
        "backbone_options": {"hidden": 8, "layers": 1},
        **options,
    }
    enhancer = build_enhancer(config)
    with torch.no_grad():  # a fresh conditioner may do nothing, and a fresh encoder hear no difference
        for parameter in enhancer.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    encoder = enhancer.speaker_encoder
    return (
        enhancer
        if encoder is None
        else Enhancer(enhancer.frontend, enhancer.backbone, encoder.freeze(), enhancer.config)
    )


@functools.cache
def model(conditioner="film", hidden=8):
    """Write a bundle, once for each kind; gives its folder."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    options = {"weights": None, "hidden": hidden, "layers": 1}
    enhancer = tiny(conditioner=conditioner, speaker_encoder_options=options)
    return str(bundle.save(enhancer, folder / "model"))


def talk(seconds, rate=RATE, seed=0):
    """Make noise that comes and goes like syllables, float32 ``[S]``."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


def put(path, samples, rate=RATE, **options):
    """Write a file; gives its path as text."""
    soundfile.write(path, samples, rate, **options)
    return str(path)


def pse(*args, stdin=b""):
    """Run ``pse`` here; gives code, out, err and, for raw PCM, the bytes on stdout."""
    raw, err, old = io.BytesIO(), io.StringIO(), sys.stdin
    out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    sys.stdin = SimpleNamespace(buffer=io.BytesIO(stdin), isatty=lambda: False)
    threads = torch.get_num_threads()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run([str(arg) for arg in args])
    finally:
        sys.stdin = old
        torch.set_num_threads(threads)
    return SimpleNamespace(
        code=code, out=raw.getvalue().decode(errors="replace"), err=err.getvalue(), raw=raw.getvalue()
    )
