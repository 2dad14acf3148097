"""What a step of training takes on one CPU core, with freed memory kept or given back to the system.

python benchmarks/training_step.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

BATCH, SECONDS, RATE = 16, 3, 16000
MODELS: dict[str, dict[str, Any]] = {
    "transformer, 4 layers of 128": {
        "conditioner": "cross-attention",
        "backbone": "transformer",
        "backbone_options": {
            "encoder_layers": 2,
            "decoder_layers": 2,
            "heads": 8,
            "head_dim": 16,
            "feed_forward": 512,
        },
    },
    "GRU, 2 layers of 256": {
        "conditioner": "film",
        "backbone": "gru",
        "backbone_options": {"layers": 2, "hidden": 256},
    },
}


def step_seconds(model: str, kept: bool, steps: int = 6) -> float:
    """Give the processor time of a forward and backward pass, the median of some."""
    import torch

    from pse_plugins.assembly import build_enhancer
    from pse_plugins.contracts import SpeakerCue
    from pse_plugins.training.memory import keep_freed_memory

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if kept and not keep_freed_memory():
        sys.exit("this C library gives back memory as it likes")
    encoder = {"speaker_encoder": "d-vector", "speaker_encoder_options": {"weights": None}}
    enhancer = build_enhancer({**encoder, **MODELS[model]}).train()
    there = torch.ones(BATCH, 1, 300, dtype=torch.bool)
    cue = SpeakerCue(torch.randn(BATCH, 1, 300, 256), there, torch.randn(BATCH, 1, 256))
    mixture, times = 0.1 * torch.randn(BATCH, SECONDS * RATE), []
    for _ in range(steps + 2):
        start = time.thread_time()
        enhancer(mixture, cue).estimate.square().mean().backward()
        times.append(time.thread_time() - start)
    return sorted(times[2:])[steps // 2]


def main() -> None:
    """Measure each way in processes of their own, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(step_seconds(**json.loads(args.one)))
        return
    print(f"seconds of processor time a step, {BATCH} x {SECONDS} s, {args.rounds} rounds: given back, kept")
    for model in MODELS:
        for _ in range(args.rounds):
            asked = [json.dumps({"model": model, "kept": kept}) for kept in (False, True)]
            found = [
                subprocess.run(
                    [sys.executable, __file__, "--one", one], capture_output=True, text=True, check=True
                )
                for one in asked
            ]
            print(f"{model}: {float(found[0].stdout):.2f} {float(found[1].stdout):.2f}")


if __name__ == "__main__":
    main()
