"""A component in an enhancer: what is right passes each check, and each check catches something wrong."""

from __future__ import annotations

import pytest
import torch

from pse_plugins import host
from pse_plugins.api import Component
from pse_plugins.backbones.gru import Gru
from pse_plugins.conditioners.film import Film
from pse_plugins.errors import ComponentError
from pse_plugins.losses.si_sdr import SiSdr
from pse_plugins.testing import integrate, integration

test_film_at_work = integration("conditioner", "film")
test_transformer_at_work = integration(
    "backbone",
    "transformer",
    backbone_options={"encoder_layers": 1, "decoder_layers": 1, "heads": 2, "head_dim": 4, "look_back": 5},
    conditioner="cross-attention",
    conditioner_options={"heads": 2},
)


class Uphill(SiSdr):
    """Rewards the wrong direction."""

    def __call__(self, estimate, target, lengths):
        loss = super().__call__(estimate, target, lengths)
        return 2 * loss.detach() - loss


class LooksAround(Film):
    """Mixes over time."""

    def forward(self, x, prepared):
        return super().forward(x - x.mean(1, keepdim=True), prepared)


class CountsOnItself(Gru):
    """Keeps what it has learnt where no state dict sees it."""

    def forward(self, features, prepared):
        return super().forward(features, prepared) * self.share

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.share = float(torch.rand(()))


@pytest.mark.parametrize(
    ("kind", "wrong", "check", "said"),
    [
        ("loss", Uphill, "trains", "makes the loss"),
        ("conditioner", LooksAround, "streams", "streamed and offline differ"),
        ("backbone", CountsOnItself, "is-saved", "gives other samples"),
    ],
)
def test_what_is_wrong_is_caught(kind, wrong, check, said, monkeypatch):
    own = host.Host(discover=False)
    own._offers[kind].append(Component("mine", wrong, provider="pse-plugins"))
    monkeypatch.setattr(host, "get_host", lambda: own)
    results = {result.check: result for result in integrate(kind, "mine")}
    assert results[check].outcome == "failed"
    assert said in results[check].message


def test_names_are_checked_and_metrics_have_no_part():
    with pytest.raises(ComponentError, match="did you mean 'film'"):
        integrate("conditioner", "flim")
    assert integrate("metric", "si-sdr") == []
