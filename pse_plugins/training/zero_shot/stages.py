"""The stages of speaker-informed model selection, in their order; each is done once, and goes on where it stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ...backbones.specialist_ensemble import SpecialistEnsemble
from ...data import MixtureDataset, SpeechPool
from ...data.corpora import genders
from ...enhancer import Enhancer
from ..brain import PSEBrain
from ..verification.brain import VerificationBrain, Verifier
from ..verification.objectives import PairObjective, verification_scores
from ..verification.utterances import VoiceDataset, collate_voices
from .artefacts import Artefact
from .lab import GENERALISTS, Lab
from .listener import GateBrain, Listener, embed_clean
from .partition import Partition, divide, purity

logger = logging.getLogger(__name__)

_WEIGHTS = "weights.safetensors"
M = TypeVar("M", bound=nn.Module)


def verify(lab: Lab) -> None:
    """Train ``f`` on pairs of noisy utterances, and measure how well it tells voices apart."""
    artefact, own = lab.verify, lab.stage("verify")
    if artefact.done:
        return
    artefact.begin()
    listener = lab.listener()
    _standardise(lab, listener)
    options = {k: own[k] for k in ("tilt", "level_db") if k in own}
    train = VoiceDataset(lab.data.train, own["batch_size"] * lab.settings["check_every"], **options)
    valid = VoiceDataset(lab.data.valid, int(own.get("valid_pairs", 200)), mode="within", **options)

    def make(module: Listener, **common: Any) -> VerificationBrain:
        return VerificationBrain(Verifier(module, PairObjective()), **common)

    scores = lab.fit(make, ("listener", listener), train, valid, artefact, own)
    _save(listener, artefact)
    logger.info("measuring equal error rates")
    rates = _verification(lab, listener, len(valid))
    logger.info("equal error rates: %s", ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items()))
    artefact.finish(**_plain(scores), verification=rates)


def _standardise(lab: Lab, listener: Listener) -> None:
    count = int(lab.settings.get("standardise") or 0)
    if count:
        mixtures = lab.data.train
        listener.frontend.standardise(torch.from_numpy(mixtures[i].mixture) for i in range(count))


def _verification(lab: Lab, listener: Listener, pairs: int) -> dict[str, float]:
    """Measure the EER within a recording and across recordings, of speakers that were trained on and that were not."""
    found = {}
    sets = {"train": lab.data.train, "valid": lab.data.valid, **lab.tests}
    for name, mixtures in sets.items():
        several = [v for v in mixtures.drawer.voices if len(mixtures.speech.utterances(v)) > 1]
        for mode in ("within", "across") if len(several) > 1 else ("within",):
            data = VoiceDataset(mixtures, pairs, mode=mode, voices=several if mode == "across" else None)
            z, voices = [], []
            for i in range(pairs):
                batch = collate_voices([data[i]])
                with torch.no_grad():
                    z.append(
                        listener.eval().embed(batch.mixture.to(lab.device), batch.lengths.to(lab.device))
                    )
                voices += batch.voices
            found[f"{name} {mode}"] = verification_scores(torch.cat(z).cpu().numpy(), voices).get("eer", 0.5)
    return found


def cluster(lab: Lab) -> None:
    """Divide the speakers by the embeddings of their clean speech."""
    artefact = lab.partition
    if artefact.done:
        return
    listener = _load(lab.listener(), lab.verify)
    train, valid, test = (embed_voices(listener, d) for d in (lab.data.train, lab.data.valid, lab.data.test))
    known = genders(lab.data.train.speech, lab.data.valid.speech, lab.data.test.speech)
    partition = divide(lab.kind, lab.k, lab.seed, train, {**valid, **test}, known)
    partition.write(artefact.begin() / "partition.json")
    sizes = [len(partition.voices(n, list(train))) for n in range(lab.k)]
    played = [v for v in train if lab.data.train.speech.person(v) == v]  # not those made by speed
    trained = Partition(partition.kind, {v: partition.labels[v] for v in played}, [])
    artefact.finish(sizes=sizes, gender_purity=purity(trained, known))
    logger.info("%d speakers in parts of %s", len(train), sizes)


def embed_voices(listener: Listener, mixtures: MixtureDataset) -> dict[str, np.ndarray]:
    """Average the embeddings of each voice's clean recordings."""
    speech: SpeechPool = mixtures.speech
    found = {}
    for voice in mixtures.drawer.voices:
        ids = speech.utterances(voice)
        whole = (speech.segment(id, 0, speech.outline(id).size) for id in ids)
        found[voice] = embed_clean(listener, whole).mean(0)
    return found


def gate(lab: Lab) -> None:
    """Train ``g`` on noisy utterances to tell whose specialist they need."""
    artefact, own = lab.gate, lab.stage("gate")
    if artefact.done:
        return
    partition = Partition.read(lab.partition.need() / "partition.json")
    listener, heard = lab.listener(lab.k), _load(lab.listener(), lab.verify)
    listener.load_state_dict({**listener.state_dict(), **heard.state_dict()})
    thaw = bool(own.get("train_encoder", False))

    def make(module: Listener, **common: Any) -> GateBrain:
        return GateBrain(module, partition.labels, thaw, **common)

    scores = lab.fit(make, ("listener", listener), lab.mixtures(own), lab.data.valid, artefact, own)
    _save(listener, artefact)
    artefact.finish(**_plain(scores))


def generalists(lab: Lab) -> None:
    """Train one network of a specialist's size on all speakers; one more goes on by the specialists' steps."""
    _train_generalists(lab, ("generalist", "specialists"))


def generalists_longer(lab: Lab) -> None:
    """Let both go on by the steps of the fine-tuning: what specialists gain beyond is not longer training."""
    _train_generalists(lab, ("finetune",))


def _train_generalists(lab: Lab, stages: tuple[str, ...]) -> None:
    for name in lab.generalists:
        stage, before = GENERALISTS[name]
        if stage in stages:
            start = (
                partial(_fresh, lab) if before is None else partial(network_of, lab, lab.generalist(before))
            )
            _train(lab, lab.generalist(name), stage, start)


def specialists(lab: Lab) -> None:
    """Train a network on each part of the speakers."""
    partition = Partition.read(lab.partition.need() / "partition.json")
    from_generalist = lab.stage("specialists").get("start") == "generalist"
    for number in range(lab.k):
        voices = partition.voices(number, lab.data.train.drawer.voices)
        held = partition.voices(number, lab.data.valid.drawer.voices)
        valid = lab.data.valid.of(held) if len(held) > 1 else lab.data.valid
        build = (lambda: _load(lab.network(), lab.generalist())) if from_generalist else (lambda: _fresh(lab))
        _train(lab, lab.specialist(number), "specialists", build, voices, valid)


def inside(lab: Lab) -> None:
    """Train one network with the experts inside of it, gated by ``f``, with and without load balancing.

    It is done where the recipe has a mapping ``inside``.
    """
    for balanced in (True, False) if lab.settings.get("inside") else ():
        _train(lab, lab.inside(balanced), "inside", lambda b=balanced: _hearing(lab, b))  # type: ignore[misc]


def finetune(lab: Lab) -> None:
    """Train ``f``, ``g`` and all ``h`` together, the masks weighted by the soft gate."""
    _train(lab, lab.finetuned, "finetune", lambda: naive(lab))


def _train(
    lab: Lab,
    artefact: Artefact,
    stage: str,
    build: Callable[[], Enhancer],
    voices: list[str] | None = None,
    valid: MixtureDataset | None = None,
) -> None:
    """Train an enhancer by the settings of a stage, on all voices or some, and keep its best weights."""
    if artefact.done:
        return
    own, loss = lab.stage(stage), lab.settings.get("loss") or "si-sdr"
    enhancer = build()

    def make(module: Enhancer, **common: Any) -> PSEBrain:
        return PSEBrain(module, loss, lab.settings.get("loss_options"), **common)

    train = lab.mixtures(own, voices)
    scores = lab.fit(make, ("enhancer", enhancer), train, valid or lab.data.valid, artefact, own)
    _save(enhancer, artefact)
    artefact.finish(**_plain(scores))


def _fresh(lab: Lab) -> Enhancer:
    """Build a network that knows nothing yet but the frontend's measures."""
    network = lab.network()
    if lab.settings.get("standardise"):
        network.frontend.load_state_dict(_load(lab.listener(), lab.verify).frontend.state_dict())
    return network


def _hearing(lab: Lab, balanced: bool) -> Enhancer:
    """Build a network with experts inside, that hears voices as ``f`` does."""
    enhancer, listener = lab.inside_network(balanced), _load(lab.listener(), lab.verify)
    enhancer.frontend.load_state_dict(listener.frontend.state_dict())
    hearing: Any = enhancer.backbone
    hearing.encoder.load_state_dict(listener.encoder.state_dict())
    return enhancer


def naive(lab: Lab) -> Enhancer:
    """Put the ensemble together from its parts, trained one by one."""
    enhancer = lab.ensemble()
    backbone = ensemble_of(enhancer)
    listener = _load(lab.listener(lab.k), lab.gate)
    backbone.encoder.load_state_dict(listener.encoder.state_dict())
    backbone.gate.load_state_dict(listener.gate.state_dict())  # type: ignore[union-attr]
    enhancer.frontend.load_state_dict(listener.frontend.state_dict())
    for number, expert in enumerate(backbone.experts):
        network = _load(lab.network(), lab.specialist(number))
        expert.load_state_dict(network.backbone.state_dict())
    return enhancer


def finetuned(lab: Lab) -> Enhancer:
    """Load the fine-tuned ensemble."""
    return _load(lab.ensemble(), lab.finetuned)


def network_of(lab: Lab, artefact: Artefact) -> Enhancer:
    """Load a single network."""
    return _load(lab.network(), artefact)


def inside_of(lab: Lab, balanced: bool) -> Enhancer:
    """Load a network with experts inside."""
    return _load(lab.inside_network(balanced), lab.inside(balanced))


def ensemble_of(enhancer: Enhancer) -> SpecialistEnsemble:
    """Give an enhancer's backbone as what it is."""
    assert isinstance(enhancer.backbone, SpecialistEnsemble)
    return enhancer.backbone


def _save(module: nn.Module, artefact: Artefact) -> None:
    """Write weights, whole or not at all."""
    target = artefact.folder / _WEIGHTS
    half = target.with_suffix(".half")
    save_file({name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}, half)
    half.replace(target)


def _load(module: M, artefact: Artefact) -> M:
    module.load_state_dict(load_file(artefact.need() / _WEIGHTS))
    return module


def _plain(scores: dict[str, Any]) -> dict[str, float]:
    return {
        k: round(float(v), 4)
        for k, v in scores.items()
        if isinstance(v, int | float) and not isinstance(v, bool)
    }


STAGES: dict[str, tuple[Callable[[Lab], None], ...]] = {
    "verify": (verify,),
    "cluster": (cluster,),
    "gate": (gate,),
    "specialists": (generalists, specialists),
    "finetune": (generalists_longer, finetune, inside),
}
"""Stage -> what it does, in order; ``evaluate`` follows."""

ALONE = (verify, generalists, generalists_longer)
"""What is done where ``k`` is 1: the generalist is all there is."""
__all__ = ["ALONE", "STAGES", "embed_voices", "ensemble_of", "finetuned", "inside_of", "naive", "network_of"]
