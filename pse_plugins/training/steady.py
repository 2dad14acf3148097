"""SpeechBrain's Brain with its known defects routed around, whatever is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import speechbrain as sb
import torch
from speechbrain.utils.distributed import if_main_process
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from ..blame import suspects
from ..errors import ConfigError, PseError
from .averaging import WeightMean
from .schedule import Budget, Schedule

logger = logging.getLogger(__name__)

PATIENCE = 50
"""Steps in a row without a finite gradient that end a training."""


class SteadyBrain(sb.Brain):
    """Trains steadily: gradients are clipped over all parameter groups, and what is not finite is skipped.

    The steps are skipped on all ranks alike since gradients are averaged first; a partial accumulation window at
    an epoch's end is used. Learning rate and dropout depend on (seed, epoch, step) alone, so a resumed run repeats
    an uninterrupted one. Scores that a subclass adds up (`add_score`) are averaged over the ranks; the checkpoint
    with the best of them is kept.

    Parameters
    ----------
    modules : dict
        What is trained.
    schedule : Schedule
        Of the learning rate.
    budget : Budget
        Steps, and minutes if they are limited.
    seed : int
        For what is random inside the network.
    average : float or None
        Decay of an exponential moving average of the weights (`WeightMean`), which is then what validations judge.
    **brain
        What `speechbrain.Brain` takes: ``opt_class``, ``hparams``, ``run_opts``, ``checkpointer``.

    Attributes
    ----------
    judged_by : str
        The score that decides which checkpoint is the best; more is better.
    collate : callable or None
        Puts items into a batch; None leaves it to SpeechBrain.
    on_scores : callable
        Given each epoch's scores on the main process.

    Raises
    ------
    ConfigError
        If ``max_grad_norm`` is negative, which SpeechBrain would take as a wish to climb.
    """

    judged_by = "score"
    collate: ClassVar[Any] = None

    def __init__(
        self,
        modules: dict[str, nn.Module],
        schedule: Schedule = Schedule(),  # noqa: B008 - frozen
        budget: Budget | None = None,
        seed: int = 0,
        average: float | None = None,
        **brain: Any,
    ) -> None:
        super().__init__(modules=modules, **brain)
        self.mean = WeightMean(self.modules.parameters(), average) if average else None
        if self.mean is not None and self.checkpointer is not None:
            self.checkpointer.add_recoverable("mean", self.mean)
        self.max_grad_norm: float = getattr(self, "max_grad_norm", None) or 0.0
        if self.max_grad_norm < 0:
            raise ConfigError(
                f"max_grad_norm must not be negative, got {self.max_grad_norm}; 0 means no clipping"
            )
        self.schedule, self.budget, self.seed = schedule, budget or Budget(1), seed
        self.on_scores: Callable[[dict[str, float]], None] = lambda record: None
        self.epoch, self.batches_per_epoch = 0, 0
        self.skipped_steps = self._skipped_in_a_row = 0
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}

    def add_score(self, name: str, value: float, count: int = 1) -> None:
        """Add to a validation score, the mean of ``count`` values."""
        self._sums[name] = self._sums.get(name, 0.0) + value * count
        self._sums["n " + name] = self._sums.get("n " + name, 0.0) + count

    def fit_batch(self, batch: Any) -> Tensor:
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
            if self.mean is not None:
                self.mean.update()
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
                f"{suspects(self.parts())}"
            )

    def parts(self) -> list[object]:
        """List what may be the cause of what is not finite."""
        return list(self.modules.modules())

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
        """Move the training set to its epoch, and empty the scores; validate the mean of the weights."""
        self._sums = {}
        if self.mean is not None and stage == sb.Stage.VALID:
            self.mean.swap()
        if stage == sb.Stage.TRAIN:
            self.epoch = epoch or 0
            if hasattr(self.train_data, "set_epoch"):
                self.train_data.set_epoch(self.epoch)

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Reduce the scores over the ranks, log them, and save a checkpoint after validation."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = _mean_over_ranks(stage_loss, self.device)
            return
        if self.mean is not None and stage == sb.Stage.VALID:
            self.mean.swap()
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
                max_keys=[self.judged_by],
                num_to_keep=1,
                importance_keys=[],
            )

    def make_dataloader(
        self,
        dataset: Dataset[Any],
        stage: sb.Stage,
        ckpt_prefix: str | None = "dataloader-",
        **loader_kwargs: Any,
    ) -> DataLoader[Any]:
        """Make loaders: training resumable, validation and test in shares, each item once."""
        if type(self).collate is not None:
            loader_kwargs.setdefault("collate_fn", type(self).collate)
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
