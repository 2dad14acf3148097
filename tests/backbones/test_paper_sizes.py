"""The networks of Zhang et al., "Cross-attention is all you need", have the sizes that it reports."""

from __future__ import annotations

from functools import partial

import pytest
import yaml

from pse_plugins.assembly import build_enhancer
from pse_plugins.backbones.transformer import Transformer
from pse_plugins.backbones.voicefilter import VoiceFilter
from pse_plugins.conditioners.concat import Concat
from pse_plugins.conditioners.cross_attention import CrossAttention
from pse_plugins.cost import count_parameters
from pse_plugins.resources import share

BINS, CUE = 257, 256
SIZES = {
    "base concat": (Concat, 3, 5.8e6, 5660929),
    "large concat": (Concat, 6, 11.3e6, 11189761),
    "base cross-attention": (CrossAttention, 3, 6.1e6, 6057985),
    "large cross-attention": (CrossAttention, 6, 12.0e6, 11983873),
}


@pytest.mark.parametrize(("conditioner", "layers", "paper", "exact"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_transformers(conditioner, layers, paper, exact, bidirectional):
    make = partial(conditioner, cue_dim=CUE)
    count = count_parameters(Transformer(BINS, make, layers, layers, bidirectional=bidirectional))
    assert count == exact
    assert abs(count - paper) < 0.15e6


@pytest.mark.parametrize(("layers", "exact"), [(3, 5861377), (6, 11590657)])
def test_a_learned_query_takes_the_place_of_a_linear_map(layers, exact):
    make = partial(CrossAttention, cue_dim=CUE, query="learned")
    assert count_parameters(Transformer(BINS, make, layers, layers)) == exact
    assert exact == SIZES["base cross-attention" if layers == 3 else "large cross-attention"][3] - layers * (
        256 * 256 + 256 - 256
    )


@pytest.mark.parametrize(
    ("options", "exact"),
    [({}, 7852617), ({"maps": 8, "hidden": 400}, 13798273)],
    ids=["7.8 M", "first paper"],
)
def test_voicefilter(options, exact):
    count = count_parameters(VoiceFilter(BINS, partial(Concat, cue_dim=CUE), **options))
    assert count == exact
    if not options:
        assert abs(count - 7.8e6) < 0.15e6


FRAGMENTS = {
    ("transformer", "concat-last"): 5660929,
    ("transformer", "concat-mean"): 5660929,
    ("transformer-large", "concat-mean"): 11189761,
    ("transformer", "cross-attention-frames"): 6057985,
    ("transformer", "cross-attention-utterances"): 6057985,
    ("transformer", "cross-attention-static"): 6057985,
    ("transformer", "cross-attention-learned-query"): 5861377,
    ("transformer-large", "cross-attention-frames"): 11983873,
    ("transformer-bidirectional", "cross-attention-frames"): 6057985,
    ("voicefilter", "concat-last"): 7852617,
}


@pytest.mark.parametrize(("backbone", "conditioner"), FRAGMENTS)
def test_the_fragments_make_these_networks_on_d_vectors(backbone, conditioner):
    def options(kind, name):
        return yaml.safe_load((share("hparams") / f"{kind}-{name}.yaml").read_text())

    enhancer = build_enhancer(
        {
            "speaker_encoder_options": {"weights": None},
            "conditioner": "cross-attention" if conditioner.startswith("cross") else "concat",
            "conditioner_options": options("conditioner", conditioner),
            "backbone": backbone.partition("-")[0],
            "backbone_options": options("backbone", backbone),
        }
    )
    assert count_parameters(enhancer.backbone) == FRAGMENTS[backbone, conditioner]
