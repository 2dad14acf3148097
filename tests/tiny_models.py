"""Small random enhancers for tests, of every conditioner and backbone."""

import torch

from pse_plugins.assembly import build_enhancer

TINY = {
    "gru": {"layers": 2, "hidden": 12},
    "transformer": {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "heads": 2,
        "head_dim": 4,
        "feed_forward": 16,
        "look_back": 5,
    },
}
OFFLINE = {
    "transformer": {**TINY["transformer"], "bidirectional": True},
    "voicefilter": {"filters": 3, "maps": 2, "hidden": 12, "feed_forward": 24},
}
"""Options of backbones that see the whole signal at once."""

CONDITIONERS = ["concat", "add", "multiply", "film", "cross-attention", "sparse-moe"]
PAIRS = [(conditioner, backbone) for conditioner in CONDITIONERS for backbone in TINY]


def tiny_enhancer(conditioner="film", backbone="gru", frozen=True, seed=0, **config):
    """Build a small random enhancer; its encoder is a random, frozen d-vector of a few units."""
    torch.manual_seed(seed)
    options = {"heads": 2} if conditioner == "cross-attention" else {}
    enhancer = build_enhancer(
        {
            "speaker_encoder": "d-vector",
            "speaker_encoder_options": {"weights": None, "hidden": 6, "layers": 1},
            "conditioner": conditioner,
            "conditioner_options": options,
            "backbone": backbone,
            "backbone_options": TINY.get(backbone, OFFLINE.get(backbone)),
            "frontend_options": {"frame": 64, "hop": 32, "compression": 0.3},
            **config,
        }
    )
    with torch.no_grad():
        for name, p in enhancer.named_parameters():
            if "head" in name:
                p.mul_(3)
    return enhancer.eval()
