"""What every recipe's ``train.py`` does: read, prepare, train, save a bundle, evaluate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from speechbrain.utils.distributed import ddp_barrier, if_main_process

from .. import requirements
from ..assembly import DEFAULTS, build_enhancer, moved
from ..contracts import Conditioner
from ..data import RecipeData
from ..enhancer import Enhancer
from . import checks
from .brain import PSEBrain
from .cues import CueBank
from .fitting import Job, fit
from .reading import make_data, read_recipe
from .record import check_same_model, check_same_settings, in_words, save_bundle, write_record
from .start import inherited, start_from

logger = logging.getLogger(__name__)

NEEDED = ("seed", "output_folder", "data", "number_of_epochs", "batch_size", "opt_class")
USED = (
    *DEFAULTS,
    *(
        "seed",
        "output_folder",
        "data",
        "loss",
        "loss_options",
        "schedule",
        "opt_class",
        "cue_cache",
        "cue_folder",
        "standardise",
        "start",
        "max_minutes",
    ),
    *("number_of_epochs", "batch_size", "valid_batch_size", "num_workers", "evaluate", "licence", "threads"),
    *("max_grad_norm", "grad_accumulation_factor", "precision", "eval_precision", "ckpt_interval_minutes"),
    *("average", "ckpt_interval_steps", "find_unused_parameters", "optimizer_step_limit", "noprogressbar"),
    requirements.KEY,
    "task",
)
"""The keys of a recipe that training reads."""


After = Callable[[Enhancer, RecipeData, Path, dict[str, Any]], Any]


def run(argv: Sequence[str], after: After | None = None) -> Enhancer:
    """Train what a recipe's YAML describes.

    Parameters
    ----------
    argv : sequence of str
        ``[recipe.yaml, --setting, value, ...]``: settings of the recipe and SpeechBrain's run options.
    after : callable or None
        Called with the trained enhancer, the data, the output folder and the settings; by default
        `evaluate_after`, where the recipe says ``evaluate: True``.

    Returns
    -------
    Enhancer
        With the best weights by validation SI-SDR improvement.

    Raises
    ------
    PseError
        For any mistake in the recipe, the settings or the data.
    """
    recipe, settings, run_opts = read_recipe(argv, USED, NEEDED)
    output = Path(settings["output_folder"])
    if settings.get("threads"):
        torch.set_num_threads(int(settings["threads"]))
    torch.manual_seed(int(settings["seed"]))
    with checks.options_found(settings):
        enhancer = build_enhancer({key: settings[key] for key in DEFAULTS if key in settings})
    trained = sum(p.numel() for p in enhancer.parameters() if p.requires_grad)
    late = f"{1000 * enhancer.latency / enhancer.sample_rate:g} ms of algorithmic latency"
    ends = late if enhancer.backbone.can_stream else "offline only"
    logger.info("training %s: %.2f M parameters to train, %s", in_words(enhancer), trained / 1e6, ends)
    if remark := moved(enhancer.config):
        logger.info("%s", remark)
    scaled = _start(enhancer, settings)
    check_same_model(enhancer, output)
    check_same_settings(recipe, output)
    data = make_data(settings["data"])
    data.train.enrolment_audio = data.valid.enrolment_audio = "right"  # other people's clips are for the test
    ddp_barrier()
    if if_main_process():
        write_record(recipe, argv, settings, enhancer, output)
    ddp_barrier()
    if not scaled:
        _standardise(enhancer, data, int(settings.get("standardise") or 0))
    bank = _bank(enhancer, data, settings)
    meta = fit(
        partial(
            PSEBrain,
            enhancer,
            settings.get("loss", "si-sdr"),
            settings.get("loss_options"),
            bank,
        ),
        {"enhancer": enhancer},
        data.train,
        data.valid,
        Job.of_recipe(settings, run_opts, output, enhancer.config),
    )
    if if_main_process():
        save_bundle(enhancer, settings, output, meta)
    ddp_barrier()
    if after is not None:
        after(enhancer, data, output, settings)
    elif settings.get("evaluate"):
        evaluate_after(enhancer, data, output, settings)
    elif if_main_process():
        logger.info("not scored: --evaluate True writes a fixed test list, and scores on it")
    return enhancer


def evaluate_after(enhancer: Enhancer, data: RecipeData, output: Path, settings: dict[str, Any]) -> None:
    """Write the fixed test list once, and score the enhancer on it."""
    from ..data.lists import fixed_list
    from ..evaluation import evaluate

    if if_main_process():
        fixed_list(data.test, output / "test.json")
    ddp_barrier()
    items = fixed_list(data.test, output / "test.json")
    logger.info("scoring %d test mixtures (--evaluate null leaves it out)", len(items))

    def tell(done: int, total: int) -> None:
        if done * 5 // total > (done - 1) * 5 // total:
            logger.info("scored %d of %d", done, total)

    report = output / "evaluation"
    evaluate(enhancer, items, out=report, about={"seed": settings["seed"]}, progress=tell)
    logger.info("wrote %s and %s", report / "results.md", report / "report.html")


def _start(enhancer: Enhancer, settings: dict[str, Any]) -> bool:
    """Take the weights of the bundle to start from, if one is named; say whether it gave the features' scale."""
    if not settings.get("start"):
        return False
    source = str(settings["start"])
    scaled = start_from(enhancer, source, grow=True)
    settings.update(inherited(settings.get("licence") or "", source))
    return scaled


def _standardise(enhancer: Enhancer, data: RecipeData, count: int) -> None:
    """Measure the features of the first mixtures of epoch 0, which no training draws; all ranks alike."""
    if count > 0:
        count = min(count, len(data.train))
        data.train.set_epoch(0)
        enhancer.frontend.standardise(torch.from_numpy(data.train[i].mixture) for i in range(count))


def _bank(enhancer: Enhancer, data: RecipeData, settings: dict[str, Any]) -> CueBank | None:
    """Make a bank for a frozen encoder's cues, with tokens where a conditioner reads them."""
    encoder = enhancer.speaker_encoder
    if encoder is None or not encoder.frozen or not enhancer.needs_cue or not settings.get("cue_cache", True):
        return None
    views = {m.view for m in enhancer.modules() if isinstance(m, Conditioner)}
    tokens = bool(views - {"vector", "utterances"})
    for part in (data.train, data.valid):
        part.enrolment_audio = "none" if part.keeps_clips else "right"
    folder = settings.get("cue_folder")
    pools = [data.train.speech, data.valid.speech]
    return CueBank(encoder, pools, tokens, folder=Path(folder) if folder else None)
