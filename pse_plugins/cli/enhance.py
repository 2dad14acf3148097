"""``pse enhance``: files in, files of the same rate, length and channels out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._speaker import Device, Enrol, Model, Threads, enrol_speaker, load_model, remark

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..enhancer import Enhancer
    from ..profile import Profile


_DRAWN = 10
"""Seconds that are drawn."""


def command(
    inputs: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="A file for one input, a folder for more.")],
    enrol: Enrol = None,
    model: Model = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            "--attention",
            help="Draw what the first 10 s of one input attend to in the enrolment: .png, .pdf or .svg.",
        ),
    ] = None,
    device: Device = "cpu",
    threads: Threads = 1,
) -> int:
    """Keep the enrolled speaker of recordings of any length, rate, format and number of channels.

    Each channel is enhanced on its own. A file that cannot be used does not stop the others.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..errors import PseError
    from ._files import pair_up

    pairs = pair_up(inputs, out)
    if attention is not None:
        _check_drawing(pairs, attention)
    enhancer = load_model(model, device, threads)
    profile = enrol_speaker(enhancer, enrol or [])
    if attention is not None:
        _draw(enhancer, profile, pairs[0][0], attention)
    failed = 0
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        for source, target in pairs:
            try:
                _enhance(enhancer, profile, source, target, progress)
            except PseError as error:
                if len(pairs) == 1:
                    raise
                failed += 1
                remark(str(error))
    if failed:
        remark(f"{failed} of {len(pairs)} files could not be enhanced; the others are in {out}")
    return 2 if failed else 0


def _check_drawing(pairs: list[tuple[Path, Path]], path: Path) -> None:
    """Refuse what cannot be drawn, before anything is enhanced.

    Raises
    ------
    ConfigError
        If there are several inputs, or the name is not that of a picture.
    """
    from ..errors import ConfigError
    from ..evaluation.attention import check_picture

    if len(pairs) != 1:
        raise ConfigError(f"--attention draws one input, not {len(pairs)}; give one")
    try:
        check_picture(path)
    except ConfigError as error:
        raise ConfigError(f"--attention {error}") from error


def _draw(enhancer: Enhancer, profile: Profile | None, source: Path, path: Path) -> None:
    """Draw what the beginning of a file attends to.

    Raises
    ------
    ConfigError
        If the model takes no enrolment, or nothing in it attends.
    """
    from pse_runtime.audio import read

    from ..errors import ConfigError
    from ..evaluation.attention import attention, draw_attention, enrolled_rows

    if profile is None:
        raise ConfigError(
            "--attention: this model takes no enrolment, so nothing in it attends to one; leave it out"
        )
    rate = enhancer.sample_rate
    beginning = read(source, rate)[0][: _DRAWN * rate]
    weights = attention(enhancer, beginning, profile)
    draw_attention(weights, beginning, rate, path, enrolled_rows(enhancer, profile))
    remark(f"wrote {path}")


def _enhance(
    enhancer: Enhancer, profile: Profile | None, source: Path, target: Path, progress: Progress
) -> None:
    """Enhance one file, and say what was odd about it."""
    from pse_runtime.files import pass_file

    from ._files import streams

    task = progress.add_task(source.name)
    seen = pass_file(
        streams(enhancer, profile),
        enhancer.sample_rate,
        source,
        target,
        advance=lambda done, total: progress.update(task, completed=done, total=total),
    )
    progress.remove_task(task)
    remark(f"wrote {target}: {seen.seconds:.1f} s of audio in {seen.busy:.2g} s")
    if seen.peak == 0:
        remark(f"{source}: holds nothing but silence, and so does the result")
    if seen.clipped:
        remark(f"{target}: {seen.clipped} samples were too loud for the file and are clipped")
