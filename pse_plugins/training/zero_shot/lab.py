"""One cell of the experiment: its settings, its data, and the folders of its stages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from ...assembly import build_enhancer, with_parts
from ...backbones.specialist_ensemble import SpecialistEnsemble
from ...contracts import SpeakerEncoder
from ...data import MixtureDataset, RecipeData
from ...data.manifest import digest
from ...enhancer import Enhancer
from ...frontend import Frontend
from ..fitting import Job, fit
from ..schedule import Schedule
from ..steady import SteadyBrain
from .artefacts import Artefact
from .listener import Listener

logger = logging.getLogger(__name__)

GENERALISTS: dict[str, tuple[str, str | None]] = {
    "generalist": ("generalist", None),
    "generalist-longer": ("finetune", "generalist"),
    "generalist-continued": ("specialists", "generalist"),
    "generalist-continued-longer": ("finetune", "generalist-continued"),
}
"""One network for all speakers -> the stage whose steps it has, and which of these it goes on from."""

INSIDE = {"experts-inside": True, "experts-inside-unbalanced": False}
"""Systems that are one network with experts inside -> whether their use is balanced."""


@dataclass
class Lab:
    """Everything that the stages of one cell share.

    Parameters
    ----------
    settings : dict
        What the recipe built.
    run_opts : dict
        SpeechBrain's run options.
    data : RecipeData
        Recordings and mixtures.
    make_tests : callable
        Makes the test sets, by name.
    """

    settings: dict[str, Any]
    run_opts: dict[str, Any]
    data: RecipeData
    make_tests: Callable[[], dict[str, MixtureDataset]]

    @cached_property
    def tests(self) -> dict[str, MixtureDataset]:
        """The test sets, by name."""
        return self.make_tests()

    @property
    def root(self) -> Path:
        """Where all goes."""
        return Path(self.settings["output_folder"])

    @property
    def seed(self) -> int:
        """Of everything drawn."""
        return int(self.settings["seed"])

    @property
    def k(self) -> int:
        """How many specialists."""
        return int(self.settings["k"])

    @property
    def kind(self) -> str:
        """How speakers are divided among them."""
        return str(self.settings.get("partition") or "k-means")

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return torch.device(self.run_opts.get("device") or "cpu")

    @cached_property
    def sound(self) -> dict[str, Any]:
        """What the data and the frontend are: part of every artefact's inputs."""
        train = self.data.train
        recordings = [
            train.speech.source(id).relative for v in train.drawer.voices for id in train.speech.utterances(v)
        ]
        noises = [] if train.noise is None else train.noise.ids
        return {
            "seed": self.seed,
            "sample_rate": self.settings["sample_rate"],
            "frontend": self.settings.get("frontend_options") or {},
            "law": train.law.stated,
            "recordings": digest([recordings, noises]),
        }

    def stage(self, name: str) -> dict[str, Any]:
        """Give a stage's own settings, as far as they decide what comes out."""
        return {key: value for key, value in self.settings[name].items() if key != "recompute"}

    # the artefacts, each by what it is made from

    @property
    def verify(self) -> Artefact:
        """The embedding ``f``."""
        own = {k: self.settings.get(k) for k in ("encoder", "encoder_options", "verify", "standardise")}
        return Artefact(self.root / "verify", {**self.sound, **own})

    @property
    def partition(self) -> Artefact:
        """Who goes to which specialist."""
        return Artefact(
            self.root / "partitions" / self._parts,
            {"verify": self.verify.key, "k": self.k, "kind": self.kind},
        )

    @property
    def gate(self) -> Artefact:
        """The gate ``g``."""
        return Artefact(
            self.root / "gates" / self._parts, {"partition": self.partition.key, "gate": self.stage("gate")}
        )

    def generalist(self, name: str = "generalist") -> Artefact:
        """One network for all speakers, by its name in `GENERALISTS`."""
        stage, before = GENERALISTS[name]
        made_from = (
            {**self.sound, **self._expert} if before is None else {"generalist": self.generalist(before).key}
        )
        return Artefact(self.root / "experts" / self.size / name, {**made_from, stage: self.stage(stage)})

    @property
    def generalists(self) -> list[str]:
        """Those to compare with: where specialists start from nothing, nothing goes on by their steps."""
        goes_on = self.stage("specialists").get("start") == "generalist"
        return [name for name in GENERALISTS if goes_on or "continued" not in name]

    def specialist(self, number: int) -> Artefact:
        """The network of one part of the speakers."""
        inputs = {"partition": self.partition.key, **self._expert, "specialists": self.stage("specialists")}
        if self.stage("specialists").get("start") == "generalist":
            inputs["generalist"] = self.generalist().key
        return Artefact(self.root / "experts" / self.size / self._parts / f"{number:02d}", inputs)

    @property
    def finetuned(self) -> Artefact:
        """All of them, trained together."""
        inputs = {
            "gate": self.gate.key,
            "specialists": [self.specialist(n).key for n in range(self.k)],
            "finetune": self.stage("finetune"),
        }
        return Artefact(self.root / "ensembles" / f"{self.size}-{self._parts}", inputs)

    def inside(self, balanced: bool) -> Artefact:
        """One network with the experts inside, with or without load balancing."""
        inputs = {
            "verify": self.verify.key,
            **self._expert,
            "k": self.k,
            "inside": self.settings.get("inside"),
        }
        name = f"{self.size}-k{self.k}-{'balanced' if balanced else 'unbalanced'}"
        return Artefact(self.root / "inside" / name, {**inputs, "balanced": balanced})

    def scores(self, name: str) -> Artefact:
        """The scores of one system."""
        if name in INSIDE:
            scored = {"of": self.inside(INSIDE[name]).key, "evaluate": self.stage("evaluate")}
            return Artefact(self.root / "scores" / f"{self.size}-k{self.k}" / name, scored)
        alone = name in GENERALISTS
        scored = {
            "of": (self.generalist(name) if alone else self.finetuned).key,
            "evaluate": self.stage("evaluate"),
        }
        folder = self.size if alone else f"{self.size}-{self._parts}"
        return Artefact(self.root / "scores" / folder / name, scored)

    @property
    def size(self) -> str:
        """The specialists, in a folder's name."""
        options = {k: v for k, v in self._expert["expert_options"].items() if k != "layers"}
        return "-".join([str(self._expert["expert"]), *(f"{v}" for v in options.values())])

    @property
    def _parts(self) -> str:
        return f"k{self.k}" if self.kind == "k-means" else f"k{self.k}-{self.kind}"

    @property
    def _expert(self) -> dict[str, Any]:
        return {
            "expert": self.settings.get("expert") or "gru",
            "expert_options": dict(self.settings.get("expert_options") or {}),
        }

    # what is trained

    def frontend(self) -> Frontend:
        """Build the frontend."""
        return Frontend(int(self.settings["sample_rate"]), **(self.settings.get("frontend_options") or {}))

    def listener(self, experts: int | None = None) -> Listener:
        """Build ``f``, and ``g`` if it is asked for."""
        frontend = self.frontend()
        torch.manual_seed(self.seed)
        named = {k: self.settings[k] for k in ("encoder", "encoder_options") if self.settings.get(k)}
        encoder: SpeakerEncoder = with_parts(SpecialistEnsemble, named, frontend)["make_encoder"]()
        return Listener(frontend, encoder, experts).to(self.device)

    def network(self) -> Enhancer:
        """Build one network, a generalist or a specialist."""
        torch.manual_seed(self.seed)
        parts = {"backbone": self._expert["expert"], "backbone_options": self._expert["expert_options"]}
        return build_enhancer({**self._config(), **parts}).to(self.device)

    def ensemble(self, **policy: Any) -> Enhancer:
        """Build the ensemble, untrained."""
        own = {k: self.settings[k] for k in ("encoder", "encoder_options") if self.settings.get(k)}
        options = {**self._expert, **own, "experts": self.k, **(self.settings.get("policy") or {}), **policy}
        if self.settings["finetune"].get("recompute"):
            options["recompute"] = True
        config = {**self._config(), "backbone": "specialist-ensemble", "backbone_options": options}
        return build_enhancer(config).to(self.device)

    def inside_network(self, balanced: bool) -> Enhancer:
        """Build one network whose layers each have ``k`` small experts, gated by what ``f`` hears."""
        torch.manual_seed(self.seed)
        own = {k: self.settings[k] for k in ("encoder", "encoder_options") if self.settings.get(k)}
        options: dict[str, Any] = {"experts": self.k} if balanced else {"experts": self.k, "balance": 0.0}
        parts = {
            "conditioner": "sparse-moe",
            "conditioner_options": options,
            "backbone": "self-conditioned",
            "backbone_options": {**self._expert, **own},
        }
        return build_enhancer({**self._config(), **parts}).to(self.device)

    def _config(self) -> dict[str, Any]:
        return {
            "sample_rate": int(self.settings["sample_rate"]),
            "frontend_options": self.settings.get("frontend_options") or {},
            "speaker_encoder": None,
            "conditioner": None,
        }

    def fit(
        self,
        make_brain: Any,
        module: tuple[str, nn.Module],
        train: Dataset[Any],
        valid: Dataset[Any],
        artefact: Artefact,
        own: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Train a stage for its steps, and load the best weights; gives their scores."""
        logger.info("training %s", artefact.folder)
        batch, every = int(own["batch_size"]), int(self.settings["check_every"])
        job = Job(
            folder=artefact.begin(),
            seed=self.seed,
            epochs=max(1, round(int(own["steps"]) / every)),
            batch_size=batch,
            opt_class=partial(self.settings["opt_class"], lr=float(own["lr"])),
            schedule=Schedule(**(self.settings.get("schedule") or {})),
            settings=self.settings,
            run_opts=self.run_opts,
        )

        def make(**common: Any) -> SteadyBrain:
            return make_brain(module[1], **common)

        return fit(make, dict([module]), train, valid, job)

    def mixtures(self, own: Mapping[str, Any], voices: list[str] | None = None) -> MixtureDataset:
        """Give training mixtures, as many as there are between two checks."""
        train = self.data.train
        return train.of(
            voices or train.drawer.voices, int(own["batch_size"]) * int(self.settings["check_every"])
        )
