"""An hour at full speed: nothing grows, and the end is what the last seconds alone make."""

import gc
import time

import numpy as np
import pytest
import torch
from pse_runtime.bench_start import resident_bytes
from pse_runtime.model import Model
from test_export import somebody
from tiny_models import TINY, tiny_enhancer

from pse_plugins.export import export
from pse_plugins.export.parity import MOST

pytestmark = pytest.mark.slow

RATE, HOP, FRAME = 16000, 320, 640
HOUR = 3600 * RATE
LOOK_BACK = 40
FIELD = 3 * LOOK_BACK * HOP + FRAME  # samples that three layers look back, whole hops
LAST = 2 * RATE
MINUTE = 60 * RATE


@pytest.fixture(scope="module")
def enhancer():
    return tiny_enhancer(
        "cross-attention",
        "transformer",
        backbone_options={**TINY["transformer"], "look_back": LOOK_BACK},
        frontend_options={"frame": FRAME, "hop": HOP, "compression": 0.3},
    )


@pytest.fixture(scope="module")
def who(enhancer):
    return somebody(enhancer)


def minutes():
    """Give 60 minutes of sound that is never the same twice, every fifth one silent."""
    rng = np.random.default_rng(0)
    for minute in range(60):
        sound = rng.standard_normal(MINUTE, dtype=np.float32) * np.repeat(
            rng.random(600, dtype=np.float32), MINUTE // 600
        )
        yield sound if minute % 5 else np.zeros_like(sound)


def run_an_hour(stream, block):
    """Feed an hour; gives the last samples in and out, seconds of each minute, and bytes held after each."""
    heard = given = np.zeros(0, np.float32)
    seconds, held = [], []
    for sound in minutes():
        start = time.thread_time()
        parts = [stream.feed(sound[i : i + block]) for i in range(0, MINUTE, block)]
        seconds.append(time.thread_time() - start)
        heard, given = sound, np.concatenate([given[-LAST:], *parts])
        gc.collect()
        held.append(resident_bytes())
    given = np.concatenate([given, stream.flush()])
    return heard[-LAST - FIELD :], given[-LAST:], seconds, held


@pytest.mark.parametrize("by", ["pse-runtime", "torch"])
def test_an_hour_ends_as_its_last_seconds_alone_would_and_takes_no_more_time_nor_memory(
    by, enhancer, who, tmp_path
):
    if by == "torch":
        stream, block = enhancer.stream(who, chunk_hops=100), 7777
    else:
        export(enhancer, tmp_path / "live", encoder=False)
        stream, block = Model(tmp_path / "live").stream(who), 1111
    heard, given, seconds, held = run_an_hour(stream, block)
    with torch.inference_mode():
        offline = enhancer(torch.from_numpy(heard)[None], who.cue).estimate[0, -LAST:].numpy()
    assert np.abs(offline).max() > 1e-2
    np.testing.assert_allclose(given, offline, atol=MOST)
    if held[0] is not None:
        assert held[-1] - held[9] < 2**23, held  # of 8 MiB; an hour's samples are 230
    assert np.median(seconds[-15:]) < 1.5 * np.median(seconds[:15]), seconds
