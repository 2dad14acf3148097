"""Train a speaker encoder that a recipe describes, and measure how well it tells voices apart."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from speechbrain.utils.distributed import ddp_barrier, if_main_process
from torch import Tensor, nn

from ... import host, requirements
from ...assembly import plain_defaults
from ...contracts import SpeakerEncoder
from ...data import MixtureDataset, RecipeData
from ...errors import ConfigError, PseError, nearest
from ...speaker_encoders.weights import save_weights
from ..fitting import Job, fit
from ..reading import make_data, make_tests, read_recipe
from ..record import check_same_settings, write_run
from .brain import VerificationBrain, Verifier
from .objectives import Distillation, Ge2e, PairObjective
from .scoring import Clips, cut_clips, equal_error_rates
from .utterances import VoiceDataset

logger = logging.getLogger(__name__)

NEEDED = ("seed", "output_folder", "data", "speaker_encoder", "number_of_epochs", "batch_size", "opt_class")
USED = (
    *NEEDED,
    *(
        "task",
        "speaker_encoder_options",
        "sample_rate",
        "objective",
        "teacher",
        "teacher_options",
        "utterances",
    ),
    *("mode", "clean", "tilt", "level_db", "clip_seconds", "tests", "schedule", "max_minutes", "licence"),
    *("threads", "num_workers", "valid_batch_size", "max_grad_norm", "grad_accumulation_factor", "precision"),
    *("eval_precision", "ckpt_interval_minutes", "ckpt_interval_steps", "find_unused_parameters"),
    *("average", "optimizer_step_limit", "noprogressbar", requirements.KEY),
)
"""The keys of a recipe that this training reads."""

OBJECTIVES: dict[str, Callable[[], nn.Module]] = {"ge2e": Ge2e, "pairs": PairObjective}
WEIGHTS = "encoder.safetensors"
CLIP_SECONDS = 3.0


class _Embed(nn.Module):
    """An encoder's vectors ``[B, E]`` of signals ``[B, S]``."""

    def __init__(self, encoder: SpeakerEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, signal: Tensor, lengths: Tensor) -> Tensor:
        return self.encoder(signal.unsqueeze(1), lengths.unsqueeze(1)).vectors[:, 0]


def run(argv: Sequence[str]) -> SpeakerEncoder:
    """Train what a recipe's YAML describes.

    Parameters
    ----------
    argv : sequence of str
        ``[recipe.yaml, --setting, value, ...]``.

    Returns
    -------
    SpeakerEncoder
        With the best weights by validation; they are in ``encoder.safetensors``, its equal error rates in
        ``eer.json``.

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
    encoder = _encoder(settings)
    objective = _objective(settings, encoder.vector_dim)
    check_same_settings(recipe, output)
    make = settings["data"]
    data = make_data(make)
    train, valid = _utterances(data, settings)
    clips = _clips({"valid": data.valid, **make_tests(make, settings.get("tests"), data)}, settings)
    if if_main_process():
        built = {"speaker_encoder": _model(settings)}
        used = requirements.of_components([("speaker_encoder", settings["speaker_encoder"])])
        write_run(recipe, argv, settings, output, built, used)
    ddp_barrier()
    verifier = Verifier(_Embed(encoder), objective)
    fit(
        lambda **common: VerificationBrain(verifier, **common),
        {"verifier": verifier},
        train,
        valid,
        Job.of_recipe(settings, run_opts, output, _model(settings)),
    )
    if if_main_process():
        _finish(encoder.eval(), settings, output, clips)
    return encoder


def _model(settings: Mapping[str, Any]) -> list[Any]:
    """Say what is trained: the encoder's name and options."""
    return [settings["speaker_encoder"], settings.get("speaker_encoder_options") or {}]


def _encoder(settings: Mapping[str, Any]) -> SpeakerEncoder:
    """Build the encoder, which must have something to learn.

    Raises
    ------
    ConfigError
        If it is frozen, hears no waveforms, or hears another rate than that of the data.
    """
    name = settings["speaker_encoder"]
    encoder: SpeakerEncoder = host.build(
        "speaker_encoder", name, **(settings.get("speaker_encoder_options") or {})
    )
    if encoder.frozen or not any(p.requires_grad for p in encoder.parameters()):
        raise ConfigError(
            f"{name} is frozen, there is nothing to train; set speaker_encoder_options: {{weights: null}}"
        )
    if encoder.input != "waveform":
        raise ConfigError(
            f"{name} hears {encoder.input}; here it is trained on waveforms: set its input: waveform"
        )
    rate = int(settings.get("sample_rate") or 16000)
    if encoder.sample_rate != rate:
        raise ConfigError(f"{name} hears {encoder.sample_rate} Hz, the data is at {rate} Hz; set sample_rate")
    return encoder


def _objective(settings: Mapping[str, Any], width: int) -> nn.Module:
    """Build what an encoder of vectors of a width is trained by.

    Raises
    ------
    ConfigError
        If there is no such objective, or a teacher is missing or not of use.
    """
    name, teacher = str(settings.get("objective") or "ge2e"), settings.get("teacher")
    if name == "distillation":
        if not teacher:
            raise ConfigError("objective: distillation needs a teacher, such as teacher: d-vector")
        try:
            made = host.build("speaker_encoder", teacher, **(settings.get("teacher_options") or {}))
        except PseError as error:
            raise ConfigError(f"teacher: {error}") from error
        if made.sample_rate != int(settings.get("sample_rate") or 16000):
            raise ConfigError(f"teacher {teacher} hears {made.sample_rate} Hz; set sample_rate to it")
        return Distillation(made, width)
    if name not in OBJECTIVES:
        known = (*OBJECTIVES, "distillation")
        raise ConfigError(f"no objective {name!r}{nearest(name, known)}; objectives: {', '.join(known)}")
    return OBJECTIVES[name]()


def _utterances(data: RecipeData, settings: Mapping[str, Any]) -> tuple[VoiceDataset, VoiceDataset]:
    """Draw utterances of the sets' voices."""
    options = {key: settings[key] for key in ("mode", "clean", "tilt", "level_db") if key in settings}
    count = int(settings.get("utterances") or 2)
    train = VoiceDataset(data.train, len(data.train), count, **options)
    return train, VoiceDataset(data.valid, len(data.valid), count, **{**options, "mode": "within"})


def _clips(sets: Mapping[str, MixtureDataset], settings: Mapping[str, Any]) -> dict[str, Clips]:
    """Cut what the equal error rates are measured on; before the training, so that a mistake shows early."""
    seconds = float(settings.get("clip_seconds") or CLIP_SECONDS)
    return {name: cut_clips(made.speech, made.drawer.voices, seconds) for name, made in sets.items()}


def _finish(
    encoder: SpeakerEncoder, settings: Mapping[str, Any], output: Path, clips: Mapping[str, Clips]
) -> None:
    """Save the weights, and measure the equal error rates on voices that were not trained on."""
    path, seconds = output / WEIGHTS, float(settings.get("clip_seconds") or CLIP_SECONDS)
    name, options = _model(settings)
    trained = {**plain_defaults(host.load("speaker_encoder", name)[0]), **options}
    save_weights(encoder, path, trained, str(settings.get("licence") or ""))
    options = {**options, "weights": str(path)}
    logger.info(
        "saved %s; to use it, speaker_encoder_options: %s", path, json.dumps(options).replace('"', "")
    )
    rates = {name: equal_error_rates(encoder, found) for name, found in clips.items()}
    (output / "eer.json").write_text(json.dumps({"clip_seconds": seconds, **rates}, indent=1) + "\n", "utf-8")
    for name, found in rates.items():
        words = ", ".join(f"{100 * rate:.1f} % {mode} recordings" for mode, rate in found.items())
        logger.info("equal error rate on %s, clips of %g s: %s", name, seconds, words)
