"""One training of anything, resumable: checkpoints, budget, log, and the best weights at the end."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import speechbrain as sb
import torch
from torch import nn
from torch.utils.data import Dataset

from .. import __version__
from ..data.manifest import digest
from .checkpoints import AtomicCheckpointer, load_best
from .memory import keep_freed_memory
from .record import commit, write_log
from .schedule import Budget, Schedule
from .steady import SteadyBrain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """How something is trained.

    Parameters
    ----------
    folder : Path
        Where checkpoints and ``train_log.txt`` go.
    seed : int
        Of what is random inside the network.
    epochs, batch_size : int
        How long, and how many items a step.
    opt_class : callable
        Builds the optimiser of parameters.
    schedule : Schedule
        Of the learning rate.
    minutes : float or None
        End, in good order, after so many.
    settings : mapping
        What SpeechBrain reads: ``num_workers``, ``valid_batch_size``, ``grad_accumulation_factor``, ...
    run_opts : mapping
        SpeechBrain's run options.
    same : mapping
        What must be the same for a checkpoint to be continued, by name.
    """

    folder: Path
    seed: int
    epochs: int
    batch_size: int
    opt_class: Callable[..., torch.optim.Optimizer]
    schedule: Schedule = field(default_factory=Schedule)
    minutes: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    run_opts: Mapping[str, Any] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_recipe(
        cls, settings: Mapping[str, Any], run_opts: Mapping[str, Any], folder: Path, model: Any
    ) -> Job:
        """Read it from a recipe's settings; a checkpoint is continued only for the same ``model``, plain data."""
        return cls(
            folder,
            int(settings["seed"]),
            int(settings["number_of_epochs"]),
            int(settings["batch_size"]),
            settings["opt_class"],
            Schedule(**(settings.get("schedule") or {})),
            settings.get("max_minutes"),
            settings,
            run_opts,
            {"model": digest(model)},
        )

    def budget(self, items: int) -> Budget:
        """Count the optimiser's steps over so many items an epoch."""
        world = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        batches = math.ceil(math.ceil(items / world) / self.batch_size)
        accumulate = self.settings.get("grad_accumulation_factor") or self.run_opts.get(
            "grad_accumulation_factor"
        )
        steps = math.ceil(batches / int(accumulate or 1)) * self.epochs
        return Budget(steps, None if self.minutes is None else float(self.minutes))


def fit(
    make_brain: Callable[..., SteadyBrain],
    modules: Mapping[str, nn.Module],
    train: Dataset[Any],
    valid: Dataset[Any],
    job: Job,
) -> dict[str, Any]:
    """Train, going on where a run was interrupted, and load the best weights.

    Parameters
    ----------
    make_brain : callable
        Builds the Brain; it is given what `SteadyBrain` takes, but for the modules.
    modules : mapping
        What is trained, by name.
    train, valid : Dataset
        Items.
    job : Job
        How.

    Returns
    -------
    dict
        The scores of the best checkpoint.
    """
    budget = job.budget(len(train))  # type: ignore[arg-type]
    identity = {**{f"same_{k}": v for k, v in job.same.items()}, "pse_plugins": __version__, "git": commit()}
    counter = sb.utils.epoch_loop.EpochCounter(job.epochs)
    checkpointer = AtomicCheckpointer(
        job.folder / "save", {**modules, "budget": budget, "counter": counter}, identity
    )
    if (found := checkpointer.find_checkpoint()) is not None:
        logger.info("going on from %s", found.path)
    brain = make_brain(
        schedule=job.schedule,
        budget=budget,
        seed=job.seed,
        average=job.settings.get("average"),
        opt_class=job.opt_class,
        hparams=dict(job.settings),
        run_opts=job.run_opts.get("run_opts", job.run_opts),
        checkpointer=checkpointer,
    )
    if torch.device(brain.device).type == "cpu":
        keep_freed_memory()
    brain.on_scores = lambda record: write_log(
        job.folder, record, float(brain.optimizer.param_groups[0]["lr"])
    )
    workers = {"num_workers": int(job.settings.get("num_workers") or 0)}
    brain.fit(
        counter,
        train,
        valid,
        train_loader_kwargs={"batch_size": job.batch_size, **workers},
        valid_loader_kwargs={"batch_size": int(job.settings.get("valid_batch_size") or 8)},
    )
    if brain.optimizer_step < budget.steps and budget.minutes is not None:
        logger.info("max_minutes: after %d of %d steps", brain.optimizer_step, budget.steps)
    if brain.mean is None:
        return load_best(job.folder / "save", modules, brain.judged_by)
    meta = load_best(job.folder / "save", {**modules, "mean": brain.mean}, brain.judged_by)
    brain.mean.swap()
    return meta
