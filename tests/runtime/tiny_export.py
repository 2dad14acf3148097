"""Writes the tiny models of these tests; the only file here that needs torch and pse-plugins."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))


def write(kind, folder):
    """Export a random model of a kind."""
    import torch
    from tiny_models import tiny_enhancer

    from pse_plugins.export import export

    pairs = {"gru": ("film", "gru"), "transformer": ("cross-attention", "transformer")}
    enhancer = tiny_enhancer(*pairs[kind])
    torch.manual_seed(1)
    with torch.no_grad():  # a fresh conditioner may do nothing, and a fresh encoder hear no difference
        for parameter in (*enhancer.parameters(), *enhancer.speaker_encoder.parameters()):
            parameter.add_(0.3 * torch.randn_like(parameter))
    export(enhancer, folder, clip_seconds=3.0)
