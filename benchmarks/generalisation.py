"""SI-SDR improvement of a model on speakers of training, validation and test, and by what enrols the test's speakers.

Mixtures are drawn anew, without augmentation, at -3 to 10 dB, with one clip of 3 s, which is of another recording
where the speaker has one. Brackets are 95 % bootstrap intervals, in which whole speakers are drawn again.

    python benchmarks/generalisation.py --data_folder LibriSpeech --noise_folder esc10
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pse_plugins import bundle
from pse_plugins.data import Mixture, MixtureDataset, librispeech_sets
from pse_plugins.enhancer import Enhancer
from pse_plugins.evaluation.statistics import bootstrap
from pse_plugins.metrics.si_sdr import SiSdrImprovement

Clips = Callable[[Mixture, MixtureDataset], list[np.ndarray]]


def as_drawn(item: Mixture, data: MixtureDataset) -> list[np.ndarray]:
    """Enrol with the item's clip of 3 s."""
    return item.enrolment


def five_longer(item: Mixture, data: MixtureDataset) -> list[np.ndarray]:
    """Enrol with the first 8 s of five other recordings."""
    speech, target = data.speech, item.plan.target.id
    others = [id for id in speech.utterances(item.speaker) if id != target][:5]
    return [speech.segment(id, 0, 8 * speech.rate) for id in others]


def target_itself(item: Mixture, data: MixtureDataset) -> list[np.ndarray]:
    """Enrol with what is wanted of the mixture."""
    return [item.target]


def show(name: str, model: Enhancer, data: MixtureDataset, clips: Clips = as_drawn) -> None:
    """Enhance a set's mixtures and print a line for each condition."""
    score = SiSdrImprovement()
    found: dict[str, list[tuple[float, str]]] = {}
    for index in range(len(data)):
        item = data[index]
        profile = model.enrol(clips(item, data), data.speech.enrolment_rate) if model.needs_cue else None
        estimate = model.enhance_whole(item.mixture, profile)
        gain = score(estimate, item.target, item.mixture, data.speech.rate)
        found.setdefault(item.scenario, []).append((gain, item.speaker))
    for scenario, scored in sorted(found.items()):
        mean = bootstrap([gain for gain, _ in scored], [speaker for _, speaker in scored])
        print(
            f"| {name} | {scenario} | {mean.mean:.2f} [{mean.low:.2f}, {mean.high:.2f}] | {len(scored)} |",
            flush=True,
        )


def main() -> None:
    """Draw, enhance and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a bundle; the default model without")
    parser.add_argument("--data_folder", type=Path, required=True)
    parser.add_argument("--noise_folder", type=Path, required=True)
    parser.add_argument("--items", type=int, default=120, help="mixtures of each set")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, size = bundle.load(options.model).eval(), options.items
    with tempfile.TemporaryDirectory() as folder:
        data = librispeech_sets(
            data_folder=options.data_folder,
            noise_folder=options.noise_folder,
            save_folder=folder,
            rate=model.sample_rate,
            enrolment_rate=model.sample_rate,
            epoch_size=size,
            valid_size=size,
            test_size=size,
            seed=options.seed,
            law={"segment": 3.0, "snr": [-3, 10], "scenarios": {"ambient": 1, "babble": 1}},
        )
        print("| speakers, enrolled with | condition | SI-SDRi (dB) | mixtures |\n|---|---|---|---|")
        for name in ("train", "valid", "test"):
            show(f"{name}, one clip of 3 s", model, getattr(data, name))
        if model.needs_cue:
            show("test, five clips of 8 s", model, data.test, five_longer)
            show("test, the target itself", model, data.test, target_itself)


if __name__ == "__main__":
    main()
