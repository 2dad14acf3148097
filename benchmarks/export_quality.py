"""What an export costs in quality: SI-SDR improvement of a model and of its exports, as streams, on one fixed list.

Writes the exports to a temporary folder. The list is one of ``pse data test-list``; each difference has its 95 %
bootstrap interval, in which whole speakers are drawn again.

    python benchmarks/export_quality.py --list test.json --data-root LibriSpeech --noise-root esc10 --items 60
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from pse_runtime.model import Model

from pse_plugins import bundle
from pse_plugins.cli.evaluate import spread
from pse_plugins.data import TestList, read_test_list
from pse_plugins.evaluation.statistics import bootstrap
from pse_plugins.export import export
from pse_plugins.metrics.si_sdr import SiSdrImprovement


def improvements(models: dict[str, object], items: TestList) -> dict[str, np.ndarray]:
    """Stream every item through every model, enrolled with the item's clips; SI-SDR improvement in dB."""
    score, found = SiSdrImprovement(), {name: [] for name in models}
    for item in items:
        for name, model in models.items():
            profile = model.enrol(item.enrolment, items.enrolment_rate) if model.needs_cue else None
            made = model.enhance(item.mixture, items.rate, profile)
            found[name].append(score(made, item.target, item.mixture, items.rate))
    return {name: np.array(scores) for name, scores in found.items()}


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
    options = parser.parse_args()
    torch.set_num_threads(1)
    items = spread(read_test_list(options.list, options.data_root, options.noise_root), options.items)
    enhancer = bundle.load(options.model)
    with tempfile.TemporaryDirectory() as folder:
        models = {"model": enhancer}
        for name, int8 in (("float32", False), ("int8", True)):
            export(enhancer, Path(folder) / name, int8=int8)
            models[name] = Model(Path(folder) / name)
        found = improvements(models, items)
    for scenario in dict.fromkeys(plan.scenario for plan in items.plans):
        chosen = [i for i, plan in enumerate(items.plans) if plan.scenario == scenario]
        speakers = [items.plans[i].speaker for i in chosen]
        print(f"{scenario}: {len(chosen)} items of {len(set(speakers))} speakers, SI-SDR improvement in dB")
        for name, scores in found.items():
            lost = bootstrap(list(scores[chosen] - found["model"][chosen]), speakers)
            interval = f"[{lost.low:+.3f}, {lost.high:+.3f}]"
            print(f"  {name:8} {np.nanmean(scores[chosen]):6.2f}, less the model {lost.mean:+.3f} {interval}")


if __name__ == "__main__":
    main()
