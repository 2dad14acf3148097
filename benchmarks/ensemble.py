"""What ensembles of specialists cost to train: time of K at once or one after another, and memory of fine-tuning.

    python benchmarks/ensemble.py --batch 16 --memory_batch 4

Time: a forward and a backward of the paper's specialist over 160 frames; K networks one after another, against all K
in one batched product a frame. Memory: one step of fine-tuning, soft-gated, keeping all activations, or computing each
specialist's again (`recompute`); the peak of a process of its own, less what it had before the step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from pse_plugins.assembly import build_enhancer
from pse_plugins.backbones.gru import Gru
from pse_plugins.contracts import Prepared
from pse_plugins.losses.si_sdr import SiSdr

FRAMES, BINS, SECONDS, RATE = 160, 513, 5, 8000


class BatchedGrus(nn.Module):
    """K specialists of two GRU layers and a mask head, each product done for all of them at once."""

    def __init__(self, k: int, hidden: int) -> None:
        super().__init__()
        shapes = (
            [(BINS, 3 * hidden), (hidden, 3 * hidden)] * 1 + [(hidden, 3 * hidden)] * 2 + [(hidden, BINS)]
        )
        self.weights = nn.ParameterList(0.05 * torch.randn(k, *shape) for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(k, 1, shape[1]) for shape in shapes)

    def forward(self, x: Tensor) -> Tensor:
        """Run ``[K, B, T, F]``."""
        for layer in (0, 2):
            x = self._recur(x, layer)
        flat = x.flatten(1, 2)
        return torch.sigmoid(torch.baddbmm(self.biases[4], flat, self.weights[4]))

    def _recur(self, x: Tensor, layer: int) -> Tensor:
        k, batch, frames, _ = x.shape
        given = torch.baddbmm(self.biases[layer], x.flatten(1, 2), self.weights[layer])
        state = x.new_zeros(k, batch, self.weights[layer + 1].shape[1])
        states = []
        for now in given.unflatten(1, (batch, frames)).unbind(2):
            own = torch.baddbmm(self.biases[layer + 1], state, self.weights[layer + 1])
            (r, z, n), (own_r, own_z, own_n) = now.chunk(3, -1), own.chunk(3, -1)
            candidate = torch.tanh(n + torch.sigmoid(r + own_r) * own_n)
            state = candidate + torch.sigmoid(z + own_z) * (state - candidate)
            states.append(state)
        return torch.stack(states, 2)


def seconds(run: Callable[[], None], repeats: int = 3) -> float:
    """Time a call; the best of some, after one that is not counted."""
    run()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def compare_time(batch: int) -> None:
    """Print the time of K specialists trained at once, over that of one after another."""
    print(f"time of K at once / one after another, batch {batch}, one thread (below 1: at once is faster)")
    for hidden in (64, 128, 256):
        one, x = Gru(BINS, None, hidden=hidden), torch.rand(batch, FRAMES, BINS)
        single = seconds(lambda one=one, x=x: one(x, Prepared()).mean().backward())  # type: ignore[misc]
        ratios = []
        for k in (2, 5, 10):
            many, xs = BatchedGrus(k, hidden), x.expand(k, -1, -1, -1)
            ratios.append(seconds(lambda m=many, xs=xs: m(xs).mean().backward()) / (k * single))  # type: ignore[misc]
        print(f"hidden {hidden:4}: " + ", ".join(f"K={k} {r:.2f}" for k, r in zip((2, 5, 10), ratios)))


def peak_of_a_step(hidden: int, k: int, batch: int, recompute: bool) -> float:
    """Give the MiB that a step of fine-tuning needs at its peak, gradients and Adam's state among them."""
    options = {"experts": k, "expert_options": {"hidden": hidden}, "recompute": recompute}
    config = {"sample_rate": RATE, "conditioner": None, "speaker_encoder": None}
    enhancer = build_enhancer(
        {**config, "backbone": "specialist-ensemble", "backbone_options": options}
    ).train()
    optimiser = torch.optim.Adam(enhancer.parameters(), lr=1e-4)
    noisy = 0.1 * torch.randn(batch, SECONDS * RATE)
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak so far
    before = _memory("VmRSS")
    loss = SiSdr()(enhancer(noisy).estimate, 0.5 * noisy, torch.full((batch,), noisy.shape[1]))
    loss.mean().backward()
    optimiser.step()
    return _memory("VmHWM") - before


def _memory(name: str) -> float:
    """Read a figure of this process in MiB: what is resident now, or was at most."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def compare_memory(batch: int) -> None:
    """Print the peaks for the paper's large cells, each measured in a process of its own."""
    print(f"\npeak memory of a step of fine-tuning, K = 10, batch {batch} of {SECONDS} s, MiB")
    for hidden in (64, 512, 1024):
        found = []
        for recompute in (False, True):
            job = json.dumps([hidden, 10, batch, recompute])
            command = [sys.executable, __file__, "--job", job]
            found.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(f"hidden {hidden:4}: {found[0]:.0f} keeping all, {found[1]:.0f} recomputing")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--memory_batch", type=int, default=4)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.job:
        print(peak_of_a_step(*given.job))
        return
    compare_time(given.batch)
    compare_memory(given.memory_batch)


if __name__ == "__main__":
    main()
