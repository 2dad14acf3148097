"""What a cross-attention network reads of the enrolment, on a fixed list: how much, where, and whether by the mixture.

Shares are of the weight over a clip of the encoder's frames. ``moves`` is the total variation distance of a frame's
weights, head by head, from their mean over the mixture: 0 if every frame reads the same, as with a learned query, 1 if
nothing is read twice. Brackets are 95 % bootstrap intervals, in which whole speakers are drawn again. ``--draw`` draws
an item.

    python benchmarks/attention.py --model BUNDLE --list test.json --data-root LibriSpeech --noise-root esc10
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from pse_plugins import bundle
from pse_plugins.cli.evaluate import spread
from pse_plugins.data import read_test_list
from pse_plugins.evaluation.attention import attention, draw_attention, enrolled_rows
from pse_plugins.evaluation.statistics import bootstrap

ENDS = 0.1  # s


def measured(weights: np.ndarray, seconds: float) -> dict[str, float]:
    """Describe weights ``[layers, heads, T, rows]`` whose rows take so many seconds each."""
    ends = max(1, round(ENDS / seconds))
    mean = weights.mean(2)  # over the mixture
    read = mean.mean((0, 1))
    entropy = -(mean * np.log(mean + 1e-12)).sum(-1)
    return {
        f"first {ENDS:g} s, % of the weight": 100 * read[:ends].sum(),
        f"last {ENDS:g} s, % of the weight": 100 * read[-ends:].sum(),
        f"{ENDS:g} s, % of the clip": 100 * ends / read.size,
        "rows read by a head, % of the clip": float(100 * np.exp(entropy).mean() / read.size),
        "moves": float(np.abs(weights - mean[:, :, None]).sum(-1).mean() / 2),
    }


def main() -> None:
    """Measure every item and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a bundle with cross-attention to frames")
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--noise-root", type=Path, required=True)
    parser.add_argument("--items", type=int, default=0, help="only so many, spread over the list")
    parser.add_argument("--draw", nargs=2, metavar=("ITEM", "PICTURE"), help="babble-0000 attention.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    items = spread(read_test_list(options.list, options.data_root, options.noise_root), options.items)
    enhancer, found = bundle.load(options.model).eval(), []
    for item in items:
        profile = enhancer.enrol(item.enrolment[:1], items.enrolment_rate)
        valid, seconds = enrolled_rows(enhancer, profile)
        if seconds is None:
            parser.error("the model attends to utterances, not to frames")
        weights = attention(enhancer, item.mixture, profile)
        found.append(measured(weights[..., valid], seconds))
        if options.draw and item.id == options.draw[0]:
            draw_attention(weights, item.mixture, items.rate, options.draw[1], (valid, seconds))
    speakers = [plan.speaker for plan in items.plans]
    print(f"{len(found)} items of {len(set(speakers))} speakers")
    for name in found[0]:
        mean = bootstrap([one[name] for one in found], speakers)
        print(f"  {name:36} {mean.mean:6.2f} [{mean.low:.2f}, {mean.high:.2f}]")


if __name__ == "__main__":
    main()
