"""``pse demo``: from nothing to two trained enhancers, their scores, a live stream and a report, in minutes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ..data import Mixture, TestList
    from ..evaluation import Results

RECIPE = "Embedded/personalised/demo"
USUAL: dict[str, Any] = {"out": Path("demo"), "minutes": 6.5, "seed": 1986, "voices": 600, "items": 120}
METRICS = ("si-sdr-improvement", "si-sdr", "stoi")


def command(
    out: Path = typer.Option(
        USUAL["out"], "--out", help="Where all of it goes; what is done is not done again."
    ),
    minutes: float = typer.Option(
        USUAL["minutes"], "--minutes", min=0.01, help="Training time of each enhancer."
    ),
    seed: int = typer.Option(USUAL["seed"], "--seed", min=0, help="Of the mixtures and the weights."),
    conditioners: str = typer.Option("film,cross-attention", "--conditioners", help="Which to compare."),
    voices: int = typer.Option(USUAL["voices"], "--voices", min=12, max=1000, help="Synthetic speakers."),
    items: int = typer.Option(USUAL["items"], "--items", min=2, help="Mixtures to score on."),
) -> None:
    """Synthesise a corpus, train two enhancers, score them, stream a file and write a report: no download."""
    from rich.console import Console

    from .. import host
    from ..errors import ConfigError

    names = [name.strip() for name in conditioners.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"--conditioners {conditioners}: name one or more, each once, as in film,concat")
    for name in names:
        host.load("conditioner", name)
    started, width = time.monotonic(), None if sys.stdout.isatty() else 110
    console = Console(highlight=False, soft_wrap=True, width=width)
    settings = _settings(out, minutes, seed, voices, items)
    fixed = _corpus(console, out, settings)
    bundles = _train_all(console, out, names, minutes, settings)
    results = _evaluate(console, out, bundles, fixed)
    best = max(names, key=lambda name: _gain(results, name))
    sample = _stream(console, out, bundles[best], fixed)
    chosen = {"out": out, "minutes": minutes, "seed": seed, "voices": voices, "items": items}
    again = "".join(f"--{name} {value} " for name, value in chosen.items() if value != USUAL[name])
    _say_what_next(console, out, bundles[best], sample, again)
    console.print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes.")


def _settings(out: Path, minutes: float, seed: int, voices: int, items: int) -> dict[str, Any]:
    """Give what the demo sets in its recipe."""
    given = {
        "data_folder": str(out / f"corpus-{voices}"),
        "seed": seed,
        "voices": voices,
        "test_size": items,
        "max_minutes": minutes,
    }
    return {**given, **_encoder()}


def _encoder() -> dict[str, str]:
    """Train a speaker encoder where the pretrained one's weights are not installed."""
    from .. import host
    from ..errors import BundleError

    try:
        host.build("speaker_encoder", "d-vector")
    except BundleError as error:
        typer.echo(f"pse: a small speaker encoder is trained instead, and hears less: {error}", err=True)
        return {"speaker_encoder": "gru-siamese"}
    return {}


def _corpus(console: Console, out: Path, settings: dict[str, Any]) -> TestList:
    """Make the corpus and the test list."""
    import logging

    from ..data.lists import fixed_list
    from ..resources import find_recipe
    from ..training.config import load_recipe
    from ..training.run import USED

    started = time.monotonic()
    console.print("[bold]1  A corpus of synthetic voices and noise")
    logging.getLogger("speechbrain").setLevel(logging.WARNING)
    recipe = load_recipe(find_recipe(RECIPE), {**settings, "output_folder": str(out)}, USED)
    data = recipe["data"]()
    fixed = fixed_list(
        data.test, out / f"test-{recipe['seed']}-{recipe['voices']}-{recipe['test_size']}.json"
    )
    pools = {"train": data.train.speech, "validation": data.valid.speech, "test": data.test.speech}
    people = ", ".join(f"{len(pool.speakers)} {name}" for name, pool in pools.items())
    console.print(f"   {people} voices, in {settings['data_folder']} ({time.monotonic() - started:.0f} s)")
    return fixed


def _train_all(
    console: Console, out: Path, names: list[str], minutes: float, settings: dict[str, Any]
) -> dict[str, Path]:
    """Train one enhancer for each conditioner, as many at a time as there are cores; gives their bundles."""
    folders = {name: out / f"{name}-{_key(settings)}" for name in names}
    waiting = [name for name in names if not (folders[name] / "bundle" / "config.json").is_file()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    console.print(f"[bold]2  Training {', '.join(names)}: {minutes:g} minutes each, one core each")
    running: dict[str, subprocess.Popen[bytes]] = {}
    told: dict[str, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                name = waiting.pop(0)
                running[name] = _start(folders[name], {**settings, "conditioner": name})
            time.sleep(0.5)
            for name, process in list(running.items()):
                told[name] = _tell(console, name, folders[name], told.get(name, 0))
                if process.poll() is not None:
                    _check(name, folders[name], running.pop(name).returncode)
    finally:
        for process in running.values():
            process.terminate()
    for name, folder in folders.items():
        console.print(f"   {name}: {folder / 'bundle'}")
    return {name: folder / "bundle" for name, folder in folders.items()}


def _key(settings: dict[str, Any]) -> str:
    """Name what a training depends on, so that other settings are another training."""
    from ..data.manifest import digest

    return digest({key: value for key, value in settings.items() if key not in ("data_folder", "test_size")})[
        :6
    ]


def _start(folder: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start ``pse train`` on the demo's recipe; a run that was interrupted goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**settings, "output_folder": str(folder)}
    options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    with (folder / "train.out").open("ab") as log:
        arguments = [sys.executable, "-m", "pse_plugins.cli", "train", RECIPE, *options]
        return subprocess.Popen(arguments, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def _tell(console: Console, name: str, folder: Path, told: int) -> int:
    """Print the epochs that ended since the last look, beyond the first ``told``; gives how many there are."""
    log = folder / "train_log.txt"
    lines = log.read_text("utf-8").splitlines() if log.is_file() else []
    for line in lines[told:]:
        console.print(f"   {name}: {line}", style="dim")
    return len(lines)


def _check(name: str, folder: Path, code: int) -> None:
    """Say why a training failed."""
    from ..errors import PseError

    if code:
        lines = (folder / "train.out").read_text("utf-8", errors="replace").strip().splitlines()
        raise PseError(
            f"training {name} failed: {lines[-1] if lines else code} (all of it: {folder / 'train.out'})"
        )


def _evaluate(console: Console, out: Path, bundles: dict[str, Path], fixed: TestList) -> Results:
    """Score all enhancers on the test list, and write the report."""
    import torch
    from rich.progress import Progress

    from ..bundle import load
    from ..evaluation import evaluate
    from .evaluate import show

    torch.set_num_threads(1)  # so small a network gains nothing from more, and loses much on a busy machine

    console.print(f"[bold]3  Scores on {len(fixed)} mixtures of test voices and noises")
    models = {name: load(folder) for name, folder in bundles.items()}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("   scoring", total=len(fixed))
        results = evaluate(
            models,
            fixed,
            out / "report",
            metrics=METRICS,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show(results, console)
    return results


def _gain(results: Results, name: str) -> float:
    """Give an enhancer's mean SI-SDR improvement with the right enrolment, in dB."""
    return results.mean("si-sdr-improvement", results.pick(name, "right enrolment")).mean


def _stream(console: Console, out: Path, bundle: Path, fixed: TestList) -> Path:
    """Stream one mixture of two speakers as if it came live; gives the folder of its files."""
    from . import stream

    console.print("[bold]4  One mixture, streamed hop by hop")
    folder = out / "sample"
    _write_sample(folder, _choose(fixed))
    stream.command(
        file=folder / "mixture.wav",
        enrol=[folder / "enrolment.wav"],
        rate=None,
        block=None,
        out=folder / "enhanced.wav",
        model=bundle,
        device="cpu",
    )
    return folder


def _choose(fixed: TestList) -> Mixture:
    """Choose the two-speaker mixture nearest to 0 dB."""
    return fixed[
        min(range(len(fixed)), key=lambda i: (fixed.plans[i].scenario != "babble", abs(fixed.plans[i].snr)))
    ]


def _write_sample(folder: Path, item: Mixture) -> None:
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    clips: dict[str, Any] = {"mixture": item.mixture, "target": item.target, "enrolment": item.enrolment[0]}
    for name, samples in {**clips, "other-voice": item.wrong_enrolment[0]}.items():
        soundfile.write(folder / f"{name}.wav", samples, 16000)


def _say_what_next(console: Console, out: Path, bundle: Path, sample: Path, again: str) -> None:
    """Print where everything is, and commands to go on with."""
    called = Path(sys.argv[0])
    pse = str(called) if called.name == "pse" and called.is_file() else f"{sys.executable} -m pse_plugins.cli"
    enrol, mixture = f"--enrol {sample / 'enrolment.wav'}", sample / "mixture.wav"
    console.print(
        f"""[bold]5  All of it is in {out}[/bold]
   report   {out / "report" / "report.html"}
   listen   {mixture} -> {sample / "enhanced.wav"} (the target alone: {sample / "target.wav"})
   model    {bundle}
[bold]Try next[/bold]
   export PSE_MODEL={bundle.absolute()}    (then --model is not needed)
   {pse} enhance {mixture} {enrol} --out kept.wav --model {bundle}
   {pse} enhance {mixture} --enrol {sample / "other-voice.wav"} --out other.wav --model {bundle}
   {pse} enrol {sample / "enrolment.wav"} --out me.profile --model {bundle}
   {pse} stream {mixture} {enrol} --block 100 --out streamed.wav --model {bundle}
   {pse} plugins
   {pse} demo {again}--conditioners concat,multiply"""
    )
