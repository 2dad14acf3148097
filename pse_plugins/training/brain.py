"""The one Brain of every recipe: SpeechBrain's, with its known defects routed around."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import speechbrain as sb
import torch
from speechbrain.utils.distributed import if_main_process
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from .. import host
from ..contracts import Loss, SpeakerCue
from ..data import MixtureBatch, MixtureDataset, collate
from ..enhancer import Enhanced, Enhancer
from ..errors import ConfigError, PseError
from ..losses.si_sdr import SiSdr
from .cues import CueBank
from .schedule import Budget, Schedule

logger = logging.getLogger(__name__)

PATIENCE = 50
"""Steps in a row without a finite gradient that end a training."""


class PSEBrain(sb.Brain):
    """Trains an `Enhancer` on `MixtureBatch`es.

    The enhancer is the one root module, so DDP sees every parameter through one forward. Gradients are clipped
    over all parameter groups; a step whose gradient is not finite is skipped, on all ranks alike since gradients
    are averaged first; a partial accumulation window at an epoch's end is used. Learning rate and dropout
    depend on (seed, epoch, step) alone, so a resumed run repeats an uninterrupted one.

    Parameters
    ----------
    enhancer : Enhancer
    loss : str
        Name of a loss.
    loss_options : dict
        Its options.
    schedule : Schedule
        Of the learning rate.
    budget : Budget
        Steps, and minutes if they are limited.
    seed : int
        For what is random inside the network.
    cue_bank : CueBank or None
        Cached cues of a frozen encoder; None encodes each batch.
    **brain
        What `speechbrain.Brain` takes: ``opt_class``, ``hparams``, ``run_opts``, ``checkpointer``.

    Raises
    ------
    ConfigError
        If ``max_grad_norm`` is negative, which SpeechBrain would take as a wish to climb.
    """

    def __init__(
        self,
        enhancer: Enhancer,
        loss: str = "si-sdr",
        loss_options: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(),  # noqa: B008 - frozen
        budget: Budget | None = None,
        seed: int = 0,
        cue_bank: CueBank | None = None,
        **brain: Any,
    ) -> None:
        super().__init__(modules={"enhancer": enhancer}, **brain)
        self.max_grad_norm: float = getattr(self, "max_grad_norm", None) or 0.0
        if self.max_grad_norm < 0:
            raise ConfigError(
                f"max_grad_norm must not be negative, got {self.max_grad_norm}; 0 means no clipping"
            )
        self.loss: Loss = host.build("loss", loss, **(loss_options or {}))
        self.schedule, self.budget, self.seed = schedule, budget or Budget(1), seed
        self.cue_bank = cue_bank
        self.si_sdr = SiSdr(limit_db=100.0)
        self.epoch, self.batches_per_epoch = 0, 0
        self.skipped_steps = self._skipped_in_a_row = 0
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}

    @property
    def enhancer(self) -> Enhancer:
        """The enhancer, out of its DDP wrapper."""
        module = self.modules["enhancer"]
        return getattr(module, "module", module)

    def compute_forward(self, batch: MixtureBatch, stage: sb.Stage) -> Enhanced:
        """Enhance a batch; outside training without DDP's wrapper, as ranks may have unequal shares."""
        batch = batch.to(self.device)
        module: nn.Module = self.modules["enhancer"] if stage == sb.Stage.TRAIN else self.enhancer
        cue = self._cue(batch)
        if cue is not None or not self.enhancer.needs_cue:
            return module(batch.mixture, cue, lengths=batch.lengths)
        return module(batch.mixture, None, batch.enrolment, batch.enrolment_lengths, batch.lengths)

    def _cue(self, batch: MixtureBatch) -> SpeakerCue | None:
        """Give frozen cues, from the bank where it can; None leaves it to the forward."""
        encoder = self.enhancer.speaker_encoder
        if not self.enhancer.needs_cue or encoder is None or not encoder.frozen:
            return None
        if self.cue_bank is not None and all(batch.clips):
            return self.cue_bank(batch.clips).to(self.device)
        return self.enhancer.embed(batch.enrolment, batch.enrolment_lengths)

    def compute_objectives(self, predictions: Enhanced, batch: MixtureBatch, stage: sb.Stage) -> Tensor:
        """Average the loss over the batch, plus auxiliary losses in training."""
        batch = batch.to(self.device)
        with torch.autocast(torch.device(self.device).type, enabled=False):
            estimate = predictions.estimate.float()
            per_item = self.loss(estimate, batch.target, batch.lengths)
            if stage != sb.Stage.TRAIN:
                self._score(estimate, batch, per_item)
            return per_item.mean() + sum(predictions.losses.values())

    def _score(self, estimate: Tensor, batch: MixtureBatch, per_item: Tensor) -> None:
        """Add up validation scores: loss, and SI-SDR improvement overall and by scenario."""
        before = self.si_sdr(batch.mixture, batch.target, batch.lengths)
        gain = (before - self.si_sdr(estimate, batch.target, batch.lengths)).tolist()
        for scenario, value, loss in zip(batch.scenarios, gain, per_item.tolist()):
            self._add("loss", loss)
            if scenario != "clean":
                self._add("si_sdr_improvement", value)
            self._add(scenario, value)

    def _add(self, name: str, value: float) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._sums["n " + name] = self._sums.get("n " + name, 0.0) + 1

    def fit_batch(self, batch: MixtureBatch) -> Tensor:
        """Learn from one batch; the optimiser steps when the accumulation window or the epoch is full."""
        torch.manual_seed(_key(self.seed, self.epoch, self.step, getattr(self, "rank", 0)))
        last = self.step == self.batches_per_epoch
        should_step = self.step % self.grad_accumulation_factor == 0 or last
        self.on_fit_batch_start(batch, should_step)
        with self.no_sync(not should_step):
            with self.training_ctx:
                outputs = self.compute_forward(batch, sb.Stage.TRAIN)
                loss = self.compute_objectives(outputs, batch, sb.Stage.TRAIN)
            self.scaler.scale(loss / self.grad_accumulation_factor).backward()
        if should_step:
            self.optimizers_step()
        self.on_fit_batch_end(batch, outputs, loss, should_step)
        return loss.detach().cpu()

    def optimizers_step(self) -> None:
        """Clip over all groups and step, unless the gradient is not finite."""
        self._check_time()
        factor = self.schedule(self.budget.progress(self.optimizer_step + 1))
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        self.scaler.unscale_(self.optimizer)
        parameters = [
            p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        norm = nn.utils.clip_grad_norm_(parameters, self.max_grad_norm or float("inf"))
        if torch.isfinite(norm) or self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self._skipped_in_a_row = 0
        else:
            self._skip()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1

    def _skip(self) -> None:
        self.skipped_steps += 1
        self._skipped_in_a_row += 1
        logger.warning("step %d skipped: its gradient is not finite", self.optimizer_step + 1)
        if self._skipped_in_a_row >= PATIENCE:
            raise PseError(
                f"{PATIENCE} steps in a row had no finite gradient; lower the learning rate (--lr) or check the data"
            )

    def _check_time(self) -> None:
        """End the training when its minutes are used up, on all ranks at once."""
        if self.budget.minutes is None:
            return
        over = torch.tensor(float(self.budget.spent() >= self.budget.minutes), device=self.device)
        if _distributed():
            torch.distributed.broadcast(over, 0)
        if over:
            self.optimizer_step_limit = self.optimizer_step + 1

    def check_loss_isfinite(self, loss: Tensor) -> None:
        """Leave it to `optimizers_step`, which sees the gradient of all ranks."""

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        """Move the training set to its epoch, and empty the scores."""
        self._sums = {}
        if stage == sb.Stage.TRAIN:
            self.epoch = epoch or 0
            if isinstance(self.train_data, MixtureDataset):
                self.train_data.set_epoch(self.epoch)

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Reduce the scores over the ranks, log them, and save a checkpoint after validation."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = _mean_over_ranks(stage_loss, self.device)
            return
        scores = _means(_sum_over_ranks(self._sums, self.device))
        record = {"epoch": float(epoch or 0), "train_loss": getattr(self, "train_loss", 0.0), **scores}
        record["minutes"] = round(self.budget.spent(), 2)
        self.history.append(record)
        if if_main_process():
            logger.info(
                "epoch %s: %s", epoch, ", ".join(f"{k} {v:.3f}" for k, v in record.items() if k != "epoch")
            )
            self.on_scores(record)
        if self.checkpointer is not None and stage == sb.Stage.VALID:
            self.checkpointer.save_and_keep_only(
                meta=dict(record),
                max_keys=["si_sdr_improvement"],
                num_to_keep=1,
                importance_keys=[],
            )

    def on_scores(self, record: dict[str, float]) -> None:
        """Do something with an epoch's scores on the main process; recipes log them."""

    def make_dataloader(
        self,
        dataset: Dataset[Any],
        stage: sb.Stage,
        ckpt_prefix: str | None = "dataloader-",
        **loader_kwargs: Any,
    ) -> DataLoader[Any]:
        """Make loaders of mixtures: training resumable, validation and test in shares, each item once."""
        loader_kwargs.setdefault("collate_fn", collate)
        if stage != sb.Stage.TRAIN and _distributed():
            loader_kwargs["sampler"] = Share(len(dataset))  # type: ignore[arg-type]
        loader = super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)
        if stage == sb.Stage.TRAIN:
            self.train_data, self.batches_per_epoch = dataset, len(loader)
        return loader


class Share(Sampler[int]):
    """One rank's items: every ``world``-th, none twice."""

    def __init__(self, size: int) -> None:
        self.items = range(torch.distributed.get_rank(), size, torch.distributed.get_world_size())

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _key(*numbers: int) -> int:
    """Mix a few numbers into one seed."""
    key = 0
    for number in numbers:
        key = (key * 1_000_003 + int(number) + 1) % (1 << 62)
    return key


def _mean_over_ranks(value: float, device: str) -> float:
    if not _distributed():
        return float(value)
    total = torch.tensor(float(value), device=device)
    torch.distributed.all_reduce(total)
    return float(total) / torch.distributed.get_world_size()


def _sum_over_ranks(sums: dict[str, float], device: str) -> dict[str, float]:
    if not _distributed():
        return sums
    gathered: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, sums)
    names: Iterable[str] = dict.fromkeys(name for part in gathered for name in part)
    return {name: sum(part.get(name, 0.0) for part in gathered) for name in names}


def _means(sums: dict[str, float]) -> dict[str, float]:
    return {name: total / sums["n " + name] for name, total in sums.items() if not name.startswith("n ")}
