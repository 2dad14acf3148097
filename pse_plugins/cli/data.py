"""``pse data``: prepare corpora, write test lists, synthesise a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(add_completion=False, help="Prepare corpora, or synthesise one.", no_args_is_help=True)

_OUT = typer.Option(..., "--out", help="The manifest to write (JSON).")


@app.command()
def librispeech(
    folder: Path = typer.Argument(help="Holds the subsets."),
    out: Path = _OUT,
    subset: str = typer.Option("train-clean-100", "--subset", help="Which."),
) -> None:
    """Describe a subset of LibriSpeech in a manifest."""
    from ..data.corpora import prepare_librispeech

    _say(prepare_librispeech(folder, subset, out), out)


@app.command()
def speakers(folder: Path = typer.Argument(help="One folder a speaker."), out: Path = _OUT) -> None:
    """Describe any folder of speakers in a manifest."""
    from ..data.corpora import prepare_speaker_folders

    _say(prepare_speaker_folders(folder, out), out)


@app.command()
def noise(
    folder: Path = typer.Argument(help="MUSAN, ESC-50, FSD50K, or any folder."), out: Path = _OUT
) -> None:
    """Describe a folder of noise in a manifest."""
    from ..data.corpora import prepare_noise

    _say(prepare_noise(folder, out), out)


@app.command("test-list")
def test_list(
    speech: Path = typer.Argument(help="A manifest of the test speakers."),
    noise: Path = typer.Argument(help="A manifest of the test noise."),
    data_root: Path = typer.Option(..., "--data-root", help="Folder of the speech."),
    noise_root: Path = typer.Option(..., "--noise-root", help="Folder of the noise."),
    out: Path = typer.Option(..., "--out", help="The list to write (JSON)."),
    per_scenario: int = typer.Option(100, "--per-scenario", min=1, help="Items of each condition."),
    snr: tuple[float, float] = typer.Option((-3.0, 10.0), "--snr", help="Lowest and highest SNR in dB."),
    fold: list[int] = typer.Option(
        [], "--fold", help="Use only this ESC fold of the noise; may be repeated."
    ),
    seconds: float = typer.Option(4.0, "--seconds", help="Length of a mixture."),
    whole: bool = typer.Option(
        False, "--whole", help="Whole utterances, in place of --seconds: word error rates need them."
    ),
    enrolments: int = typer.Option(
        1, "--enrolments", min=0, max=5, help="Enrolment clips of each item; 0 for none."
    ),
    rate: int = typer.Option(16000, "--rate", help="Of the mixtures, in Hz."),
    seed: int = typer.Option(0, "--seed", min=0),
) -> None:
    """Write a fixed test list: ambient, babble and clean mixtures, with checksums."""
    from ..data import MixtureDataset, NoisePool, SpeechPool, read_manifest, write_test_list
    from ..data.corpora import choose_noise

    pool = SpeechPool(read_manifest(speech, data_root), rate, enrolment_rate=16000)
    noises = NoisePool(choose_noise(read_manifest(noise, noise_root), fold or None), rate)
    law = {"segment": None if whole else seconds, "snr": snr, "enrolments": (enrolments, enrolments)}
    dataset = MixtureDataset(pool, noises, size=1, seed=seed, **law)  # type: ignore[arg-type]
    write_test_list(dataset, out, per_scenario)
    typer.echo(f"wrote {per_scenario * len(dataset.law.used)} items to {out}")


@app.command()
def render(
    test_list: Path = typer.Argument(help="A test list, from training or `pse data test-list`."),
    data_root: Path = typer.Option(..., "--data-root", help="Folder of the speech that the list names."),
    noise_root: Path | None = typer.Option(
        None, "--noise-root", help="Folder of the noise; the speech's by default."
    ),
    item: list[str] = typer.Option(
        [], "--item", help="Such as babble-0000; may be repeated. The first without."
    ),
    out: Path = typer.Option(..., "--out", help="Folder to write to."),
) -> None:
    """Write items of a test list to hear and to try: mixture, target, what enrols."""
    import soundfile

    from ..data import read_test_list
    from ..errors import ConfigError, nearest

    items = read_test_list(test_list, data_root, noise_root)
    places = {plan.id: place for place, plan in enumerate(items.plans)}
    for name in item or list(places)[:1]:
        if name not in places:
            raise ConfigError(
                f"{test_list} has no item {name!r}{nearest(name, places)}; such as {next(iter(places))}"
            )
        found = items[places[name]]
        sounds = {"mixture": (found.mixture, items.rate), "target": (found.target, items.rate)}
        sounds |= {
            f"enrolment-{n}": (clip, items.enrolment_rate) for n, clip in enumerate(found.enrolment, 1)
        }
        (out / name).mkdir(parents=True, exist_ok=True)
        for kind, (samples, rate) in sounds.items():
            soundfile.write(out / name / f"{kind}.wav", samples, rate)
        typer.echo(f"wrote {out / name}: {', '.join(sounds)}")


@app.command()
def espeak(
    out: Path = typer.Option(..., "--out", help="Folder to write speech and noise to."),
    voices: int = typer.Option(100, "--voices", min=12, max=1000, help="Distinct voices."),
    sentences: int = typer.Option(12, "--sentences", min=2, max=30, help="Spoken by each voice."),
    seed: int = typer.Option(0, "--seed", min=0),
) -> None:
    """Synthesise a small corpus of speech and noise: no download, the same for a seed."""
    from ..data.embedded import make_embedded

    make_embedded(out, voices=voices, seed=seed, sentences=sentences)
    typer.echo(f"wrote {out / 'speech'} and {out / 'noise'}")


def _say(found: Sequence[Any], out: Path) -> None:
    names = {u.speaker for u in found}
    typer.echo(f"wrote {len(found)} recordings of {len(names)} speakers or sources to {out}")
