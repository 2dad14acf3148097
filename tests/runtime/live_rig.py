"""What the tests of pse-runtime share: sound, and ``pse-stream`` in this process."""

import contextlib
import io
import sys
from types import SimpleNamespace

import numpy as np
import soundfile
from pse_runtime import cli

RATE = 16000


def talk(seconds, seed=0, rate=RATE):
    """Make noise that comes and goes like syllables, float32 ``[S]``."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


def run(stream, samples, block=160):
    """Feed samples in blocks; gives all that comes out, flush included."""
    parts = [stream.feed(samples[i : i + block]) for i in range(0, len(samples), block)]
    return np.concatenate([*parts, stream.flush()])


def s16(samples):
    return np.round(samples * 32768).astype("<i2").tobytes()


def put(path, samples, rate=RATE, **options):
    """Write a file; gives its path."""
    soundfile.write(path, samples, rate, **options)
    return path


def pse_stream(*args, stdin=b""):
    """Run ``pse-stream`` here; gives code, out, err and the bytes on stdout."""
    source = stdin if hasattr(stdin, "read") else io.BytesIO(stdin)
    raw, err, before = io.BytesIO(), io.StringIO(), sys.stdin
    out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    sys.stdin = SimpleNamespace(buffer=source, isatty=lambda: False)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run([str(arg) for arg in args])
    finally:
        sys.stdin = before
    return SimpleNamespace(
        code=code, out=raw.getvalue().decode(errors="replace"), err=err.getvalue(), raw=raw.getvalue()
    )
