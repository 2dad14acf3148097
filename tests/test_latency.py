"""Algorithmic latency, by an impulse: when it comes out, and that it comes out where it went in."""

import numpy as np
import pytest
import torch
import yaml
from tiny_models import TINY, tiny_enhancer

from pse_plugins.resources import share

FRONTENDS = {  # fragment -> rate in Hz, most milliseconds
    "frontend-16k": (16000, 32),
    "frontend-16k-low-latency": (16000, 20),
    "frontend-16k-20-ms": (16000, 20),
    "frontend-8k": (8000, 128),
    "frontend-8k-low-latency": (8000, 64),
}


def open_mask(fragment, rate):
    """An enhancer that lets all pass."""
    options = yaml.safe_load((share("hparams") / f"{fragment}.yaml").read_text("utf-8"))
    made = tiny_enhancer(
        "film", "gru", sample_rate=rate, frontend_options=options, backbone_options=TINY["gru"]
    )
    with torch.no_grad():
        made.backbone.head.weight.zero_()
        made.backbone.head.bias.fill_(30.0)
    return made


@pytest.mark.parametrize("fragment", FRONTENDS)
def test_an_impulse_comes_out_where_it_went_in_after_no_more_than_the_latency(fragment, voice):
    rate, most = FRONTENDS[fragment]
    enhancer = open_mask(fragment, rate)
    profile = enhancer.enrol([voice()], 16000)
    assert 1000 * enhancer.latency / rate <= most
    hop, rng = enhancer.frontend.hop, np.random.default_rng(0)
    for at in (0, *rng.integers(0, 3 * hop, 3)):
        stream, out, come = enhancer.stream(profile), [], []
        for n in range(4 * hop + enhancer.latency):
            ready = stream.feed(np.array([float(n == at)], np.float32))
            out.extend(ready)
            come += [n] * len(ready)  # when each sample came out
        assert int(np.argmax(np.abs(out))) == at
        assert out[at] == pytest.approx(1.0, abs=1e-4)
        assert np.abs(np.delete(out, at)).max() < 1e-4
        assert (np.array(come) - np.arange(len(come))).max() == enhancer.latency - 1  # it counts itself
