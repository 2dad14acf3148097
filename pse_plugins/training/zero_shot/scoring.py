"""Scores of single networks and of ensembles, with all that tells why: each specialist, each way to choose."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...bundle import save
from ...conditioners.sparse_moe import SparseMoe
from ...contracts import Prepared
from ...cost import count_parameters
from ...data import Mixture, TestList
from ...data.corpora import genders
from ...data.lists import fixed_list
from ...enhancer import Enhancer
from ...frontend import masked
from ...losses.si_sdr import SiSdr
from ..record import commit
from .artefacts import Artefact
from .lab import INSIDE, Lab
from .listener import Listener
from .partition import Partition
from .stages import embed_voices, ensemble_of, finetuned, inside_of, naive, network_of

logger = logging.getLogger(__name__)

Item = dict[str, Any]
"""Of one mixture: who, at what SNR, each specialist's gain in dB, and what each way of choosing chose."""

ENROLMENT = 3.0
"""Seconds of clean speech that an enrolled gate hears."""


def evaluate(lab: Lab) -> None:
    """Score the generalists and the ensemble of a cell, naive and fine-tuned, on each test set."""
    systems: dict[str, Callable[[], Enhancer]] = {
        name: partial(network_of, lab, lab.generalist(name)) for name in lab.generalists
    }
    if lab.k > 1:
        systems |= {"naive": lambda: naive(lab), "fine-tuned": lambda: finetuned(lab)}
    for name, balanced in INSIDE.items() if lab.settings.get("inside") and lab.k > 1 else ():
        systems[name] = lambda b=balanced: inside_of(lab, b)  # type: ignore[misc]
    lists: dict[str, TestList] = {}
    for name, load in systems.items():
        artefact = lab.scores(name)
        if artefact.done:
            continue
        lists = lists or {t: fixed_list(d, lab.root / "tests" / f"{t}.json") for t, d in lab.tests.items()}
        _score(lab, artefact, load().eval(), lists)


def ship(lab: Lab) -> None:
    """Save the fine-tuned ensemble as a bundle; streams start with the specialist that is best for all."""
    target = lab.finetuned.need() / "bundle"
    if target.is_dir():
        return
    enhancer = finetuned(lab).eval()
    shipped = lab.ensemble(fallback=_best_for_all(lab, enhancer))
    shipped.load_state_dict(enhancer.state_dict())
    record = {k: v for k, v in lab.finetuned.record.items() if k != "unixtime"}
    save(
        shipped,
        target,
        licence=lab.settings.get("licence") or "",
        training_hash=lab.finetuned.key,
        commit=commit(),
        training=record,
    )
    logger.info("saved %s", target)


def _best_for_all(lab: Lab, enhancer: Enhancer) -> int:
    """Say which specialist is best over all validation mixtures."""
    found = [score_item(enhancer, lab.data.valid[i])["gains"] for i in range(len(lab.data.valid))]
    return int(np.mean(found, axis=0).argmax())


def _score(lab: Lab, artefact: Artefact, enhancer: Enhancer, lists: dict[str, TestList]) -> None:
    folder, centres = artefact.begin(), None
    if hasattr(enhancer.backbone, "experts"):
        backbone, centres = ensemble_of(enhancer), _centres(lab)
        backbone.policy = replace(backbone.policy, fallback=_best_for_all(lab, enhancer))
        _write_embeddings(lab, enhancer, folder / "embeddings.json")
    seconds = [float(s) for s in lab.stage("evaluate").get("seconds", (1, 2, 3, 4))]
    for test, items in lists.items():
        logger.info("scoring %s on %s", artefact.folder, test)
        rows = [score_item(enhancer, item, seconds, centres) for item in items]
        (folder / f"{test}.json").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    artefact.finish(about=_about(lab, enhancer), means={test: _means(artefact, test) for test in lists})


def _about(lab: Lab, enhancer: Enhancer) -> dict[str, Any]:
    """Say what was scored: the cell, and parameters in all and those that run at a time."""
    total = count_parameters(enhancer.backbone)
    cell = {
        "seed": lab.seed,
        "size": lab.size,
        "k": 1,
        "partition": "",
        "parameters": total,
        "effective": total,
    }
    inside = [m for m in enhancer.backbone.modules() if isinstance(m, SparseMoe)]
    if inside:
        idle = sum(p.numel() for m in inside for p in (m.up, m.bias, m.down)) * (lab.k - 1) // lab.k
        cell |= {"k": lab.k, "effective": total - idle}
    if hasattr(enhancer.backbone, "experts"):
        idle = (lab.k - 1) * count_parameters(ensemble_of(enhancer).experts[0])
        cell |= {"k": lab.k, "partition": lab.kind, "effective": total - idle}
    return cell


def _write_embeddings(lab: Lab, enhancer: Enhancer, path: Path) -> None:
    """Write each training voice's embedding of clean speech, its part, and the specialist that the gate gives it."""
    parts = Partition.read(lab.partition.need() / "partition.json").labels
    backbone = ensemble_of(enhancer)
    voices = embed_voices(Listener(enhancer.frontend, backbone.encoder), lab.data.train)
    known = genders(lab.data.train.speech)
    with torch.no_grad():
        gates = {
            v: int(backbone.gate(torch.from_numpy(z)[None].to(lab.device)).argmax())
            for v, z in voices.items()
        }
    rows = {
        v: {
            "z": [round(float(x), 4) for x in z],
            "gate": gates[v],
            "part": parts[v],
            "gender": known.get(v, ""),
        }
        for v, z in voices.items()
    }
    path.write_text(json.dumps(rows) + "\n", "utf-8")


def _centres(lab: Lab) -> Tensor | None:
    centroids = Partition.read(lab.partition.need() / "partition.json").centroids
    return torch.tensor(centroids) if centroids else None


@torch.no_grad()
def score_item(
    enhancer: Enhancer, item: Mixture, seconds: Sequence[float] = (), centres: Tensor | None = None
) -> Item:
    """Enhance a mixture by a network, or by each specialist of an ensemble, and note what its gate chooses.

    Parameters
    ----------
    enhancer : Enhancer
        In evaluation mode.
    item : Mixture
        With its target.
    seconds : sequence of float
        After how long the gate is asked too.
    centres : Tensor or None
        Centres of the speakers' parts ``[K, E]``, for the part of the clean voice.

    Returns
    -------
    dict
    """
    device = enhancer.frontend.analysis.device
    mixture, target = (torch.from_numpy(x)[None].to(device) for x in (item.mixture, item.target))
    length = torch.tensor([mixture.shape[1]], device=device)
    measure = SiSdr(limit_db=100.0)
    before = -float(measure(mixture, target, length))
    spectrum = enhancer.frontend.analyse(mixture)
    features = enhancer.frontend.features(spectrum)

    def gain(mask: Tensor) -> float:
        estimate = enhancer.frontend.synthesise(masked(spectrum, mask), mixture.shape[1])
        return round(-float(measure(estimate, target, length)) - before, 3)

    row: Item = {
        "id": item.id,
        "speaker": item.speaker,
        "snr": round(item.snr, 2),
        "mixture": round(before, 3),
    }
    if not hasattr(enhancer.backbone, "experts"):
        frames = torch.tensor([mixture.shape[1] // enhancer.frontend.hop], device=device)
        heard = enhancer.backbone.listen(features, Prepared(), frames)
        return {**row, "gains": [gain(enhancer.backbone(features, heard))]}
    ensemble = ensemble_of(enhancer)
    gains = [
        gain(ensemble(features, Prepared({"expert": torch.tensor([k])})))
        for k in range(len(ensemble.experts))
    ]

    def ask(heard: Tensor, samples: int) -> int:
        frames = torch.tensor([max(1, samples // enhancer.frontend.hop)], device=device)
        return int(ensemble.gate_logits(heard, frames).argmax())

    rate, whole = enhancer.sample_rate, mixture.shape[1]
    clean = enhancer.frontend.features(enhancer.frontend.analyse(target))
    row |= {
        "gains": gains,
        "stream": gain(ensemble(features, Prepared())),
        "gate": ask(features, whole),
        "after": {f"{s:g}": ask(features, min(whole, round(s * rate))) for s in seconds},
        "enrolled": ask(clean, min(whole, round(ENROLMENT * rate))),
    }
    if centres is not None:
        z = ensemble.encoder(clean, torch.tensor([whole // enhancer.frontend.hop])).vectors[:, 0].cpu()
        row["label"] = int(torch.cdist(z, centres).argmin())
    return row


WAYS: dict[str, Callable[[Item], float]] = {
    "gate": lambda item: item["gains"][item.get("gate", 0)],
    "stream": lambda item: item.get("stream", float("nan")),
    "oracle": lambda item: max(item["gains"]),
    "random": lambda item: float(np.mean(item["gains"])),
    "enrolled": lambda item: item["gains"][item.get("enrolled", 0)],
    "clean voice": lambda item: item["gains"][item["label"]] if "label" in item else float("nan"),
}
"""Ways to choose the specialist -> the gain in dB that each has on an item.

The gate on the whole noisy utterance; as a stream decides on the way; the best for this very item; the mean of all;
the gate on 3 s of clean speech; the part whose centre is nearest to the clean voice.
"""


def read_items(path: Path) -> list[Item]:
    """Read the scores of a test set."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _means(artefact: Artefact, test: str) -> dict[str, float]:
    items = read_items(artefact.folder / f"{test}.json")
    means = {way: float(np.mean([gain(item) for item in items])) for way, gain in WAYS.items()}
    return {way: round(mean, 3) for way, mean in means.items() if np.isfinite(mean)}
