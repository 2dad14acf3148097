"""SI-SDR improvement of a model, of its exports, and of general enhancers, as streams, on one fixed list.

Writes the exports to a temporary folder. The list is one of ``pse data test-list``; brackets are 95 % bootstrap
intervals, in which whole speakers are drawn again. Peers hear nothing of the enrolment.

    python benchmarks/quality.py --list test.json --data-root LibriSpeech --noise-root esc10 --items 60 --peers peers
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pse_runtime.bench_peers import FRAME, SAMPLE_RATE, find_peers
from pse_runtime.model import Model

from pse_plugins import bundle
from pse_plugins.cli.evaluate import spread
from pse_plugins.data import Mixture, TestList, read_test_list
from pse_plugins.evaluation.statistics import bootstrap
from pse_plugins.export import export
from pse_plugins.metrics.si_sdr import SiSdrImprovement

Enhance = Callable[[Mixture], np.ndarray]


def improvements(systems: dict[str, Enhance], items: TestList) -> dict[str, np.ndarray]:
    """Run every item through every system; SI-SDR improvement in dB."""
    score, found = SiSdrImprovement(), {name: [] for name in systems}
    for item in items:
        for name, enhance in systems.items():
            found[name].append(score(enhance(item), item.target, item.mixture, items.rate))
    return {name: np.array(scores) for name, scores in found.items()}


def enrolled(model: object, items: TestList) -> Enhance:
    """Stream through a model, enrolled with the item's clips."""

    def enhance(item: Mixture) -> np.ndarray:
        profile = model.enrol(item.enrolment, items.enrolment_rate) if model.needs_cue else None
        return model.enhance(item.mixture, items.rate, profile)

    return enhance


def peer(folder: Path, place: int) -> Enhance:
    """Stream through a peer from its first state, and take its delay away."""

    def enhance(item: Mixture) -> np.ndarray:
        one = find_peers(folder)[place]
        delay, size = FRAME - one.hop, item.mixture.size
        padded = np.pad(item.mixture, (0, delay + -(size + delay) % one.hop))
        return np.concatenate([one.feed(hop) for hop in padded.reshape(-1, one.hop)])[delay:][:size]

    return enhance


def main() -> None:
    """Export, stream and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a bundle; the default model without")
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--noise-root", type=Path, required=True)
    parser.add_argument("--items", type=int, default=0, help="only so many, spread over the list")
    parser.add_argument("--peers", type=Path, help="folder with the ONNX files of GTCRN or DTLN")
    options = parser.parse_args()
    torch.set_num_threads(1)
    items = spread(read_test_list(options.list, options.data_root, options.noise_root), options.items)
    enhancer = bundle.load(options.model)
    with tempfile.TemporaryDirectory() as folder:
        systems = {"model": enrolled(enhancer, items)}
        for name, int8 in (("float32", False), ("int8", True)):
            export(enhancer, Path(folder) / name, int8=int8)
            systems[name] = enrolled(Model(Path(folder) / name), items)
        if options.peers and items.rate != SAMPLE_RATE:
            parser.error(
                f"the peers work at {SAMPLE_RATE} Hz, the list is at {items.rate} Hz; write one at their rate"
            )
        for place, one in enumerate(find_peers(options.peers) if options.peers else []):
            systems[one.name] = peer(options.peers, place)
        found = improvements(systems, items)
    for scenario in dict.fromkeys(plan.scenario for plan in items.plans):
        chosen = [i for i, plan in enumerate(items.plans) if plan.scenario == scenario]
        speakers = [items.plans[i].speaker for i in chosen]
        print(f"{scenario}: {len(chosen)} items of {len(set(speakers))} speakers, SI-SDR improvement in dB")
        for name, scores in found.items():
            mean = bootstrap(list(scores[chosen]), speakers)
            above = bootstrap(list(scores[chosen] - found["model"][chosen]), speakers)
            print(
                f"  {name:8} {mean.mean:6.2f} [{mean.low:.2f}, {mean.high:.2f}], "
                f"above the model {above.mean:+.3f} [{above.low:+.3f}, {above.high:+.3f}]"
            )


if __name__ == "__main__":
    main()
