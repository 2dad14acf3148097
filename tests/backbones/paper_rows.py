"""The streaming networks of Zhang et al., "Cross-attention is all you need", small, and cues for them."""

from functools import partial

import torch

from pse_plugins.backbones.transformer import Transformer
from pse_plugins.conditioners.concat import Concat
from pse_plugins.conditioners.cross_attention import CrossAttention
from pse_plugins.contracts import SpeakerCue

CUE, BINS = 6, 7
ROWS = {
    "concat, last frame of one utterance": (Concat, {"view": "vector-last"}, 1),
    "concat, mean of one utterance": (Concat, {"view": "vector-mean"}, 1),
    "concat, last frames of five utterances": (Concat, {"view": "vector-last"}, 5),
    "concat, means of five utterances": (Concat, {"view": "vector-mean"}, 5),
    "cross-attention, frames of one utterance": (CrossAttention, {"view": "frames"}, 1),
    "cross-attention, last frames of five utterances": (CrossAttention, {"view": "utterances-last"}, 5),
    "cross-attention, means of five utterances": (CrossAttention, {"view": "utterances-mean"}, 5),
    "control, learned query": (CrossAttention, {"view": "frames", "query": "learned"}, 1),
    "control, one vector": (CrossAttention, {"view": "vector-last"}, 1),
}
"""Name -> conditioner, its options, enrolment utterances."""

SMALL = {"heads": 2, "head_dim": 4, "feed_forward": 16, "look_back": 5}


def row(name, **options):
    """Build a row: 3 + 3 layers, in double precision, its constants moved; and a cue for it."""
    conditioner, given, utterances = ROWS[name]
    heads = {"heads": 2} if conditioner is CrossAttention else {}
    torch.manual_seed(0)
    made = Transformer(BINS, partial(conditioner, cue_dim=CUE, **given, **heads), **{**SMALL, **options})
    for parameter in made.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return made.double().eval(), cue_of(utterances)


def cue_of(utterances, batch=2):
    """Make a cue whose utterances are of different lengths."""
    lengths = torch.arange(9, 9 - utterances, -1).expand(batch, -1)
    mask = torch.arange(9) < lengths.unsqueeze(2)
    tokens = torch.randn(batch, utterances, 9, CUE).double().masked_fill(~mask.unsqueeze(-1), 0.0)
    return SpeakerCue(tokens, mask, torch.randn(batch, utterances, CUE).double())
