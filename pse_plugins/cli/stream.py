"""``pse stream``: raw PCM from stdin to stdout as it comes, sound devices, or a file as if it came live."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..plugin_loading import output_to_stderr
from ._speaker import Device, Enrol, Model, enrol_speaker, load_model, remark

if TYPE_CHECKING:
    from pse_runtime.files import Passage
    from pse_runtime.live_model import LiveModel
    from pse_runtime.options import LiveOptions

    from ..enhancer import Enhancer
    from ..profile import Profile

_COMPARED = 60  # seconds of a file that are compared with the offline result


def _option(name: str, about: str, **more: Any) -> Any:
    return typer.Option(name, help=about, show_default=False, **more)


def command(
    file: Annotated[
        Path | None, typer.Argument(help="A recording to stream instead of stdin.", show_default=False)
    ] = None,
    enrol: Enrol = None,
    rate: Annotated[int | None, _option("--rate", "In Hz; the model's without, which waits least.")] = None,
    block: Annotated[int | None, _option("--block", "Samples taken at a time; a hop without.")] = None,
    format: Annotated[
        str, typer.Option("--format", help="Of samples on stdin and stdout: s16, f32.")
    ] = "s16",
    out: Annotated[
        Path | None, _option("--out", "Where to write the result of FILE, or of sound devices.")
    ] = None,
    model: Model = None,
    device: Device = "cpu",
    save_profile: Annotated[
        Path | None, _option("--save-profile", "Keep who was enrolled in a file.")
    ] = None,
    enrol_live: Annotated[
        float | None, _option("--enrol-live", "Enrol whoever speaks first on the input, for so many seconds.")
    ] = None,
    mute_until_enrolled: Annotated[
        bool, _option("--mute-until-enrolled", "Silence until then, instead of the input.")
    ] = False,
    profile: Annotated[
        list[str] | None,
        _option("--profile", "A speaker to choose from while it runs; repeat.", metavar="NAME=FILE"),
    ] = None,
    profiles: Annotated[
        Path | None, _option("--profiles", "Folder whose NAME.profile files can be chosen from.")
    ] = None,
    control: Annotated[
        Path | None, _option("--control", "FIFO or file that the chosen name is written to.")
    ] = None,
    max_suppression_db: Annotated[
        float | None, _option("--max-suppression-db", "Remove at most so much, in dB.")
    ] = None,
    dry_wet: Annotated[float, typer.Option("--dry-wet", help="0 the input, 1 the result.")] = 1.0,
    input_device: Annotated[
        str | None, _option("--input-device", "Sound device, by number or name, or default.")
    ] = None,
    output_device: Annotated[str | None, _option("--output-device", "The same.")] = None,
    list_devices: Annotated[
        bool, _option("--list-devices", "Show the sound devices, and do no more.")
    ] = False,
    meter: Annotated[
        bool | None, _option("--meter/--no-meter", "Levels, latency and load once a second.")
    ] = None,
) -> None:
    """Keep the enrolled speaker of live audio: mono little-endian PCM on stdin and stdout, or sound devices.

    With a FILE, it is streamed the same way, and latency, real-time factor and the difference from offline are shown.
    Another rate than the model's is resampled, there and back, which adds to the latency as much as is then said.
    """
    given = {k: v for k, v in locals().items() if k not in ("model", "device", "list_devices")}
    from pse_runtime import devices
    from pse_runtime.errors import DeviceError
    from pse_runtime.options import LiveOptions

    if list_devices:
        typer.echo(devices.list_devices())
        return
    several = {name: given[name] or [] for name in ("enrol", "profile")}
    options = LiveOptions(**{**given, **several})
    options.check()
    try:
        _run(options, model, device)
    except DeviceError as error:
        remark(str(error))
        raise typer.Exit(1) from error


def _run(options: LiveOptions, model: Path | None, device: str) -> None:
    """Stream with a bundle, or with what pse export wrote, as pse-stream does."""
    from pse_runtime.errors import ConfigError
    from pse_runtime.live import run_live
    from pse_runtime.live_model import live_model
    from pse_runtime.manifest import is_exported

    enhancer = None
    with nullcontext(sys.stdout.buffer) if options.file is not None else _own_stdout() as sink:
        chosen = model or os.environ.get("PSE_MODEL")
        if chosen and is_exported(chosen):
            if device != "cpu":
                raise ConfigError("an exported model runs on the CPU; leave --device out, or name a bundle")
            run_live(live_model(Path(chosen)), options, sink)
        else:
            enhancer = load_model(model, device)
            live, kept = _live_model(enhancer)
            seen = run_live(live, options, sink, keep=_COMPARED)
    if options.file is None:
        return
    if enhancer is not None and seen is not None and kept:
        _compare(enhancer, kept[0], options, seen)
    remark("measured only; --out FILE keeps the sound" if options.out is None else f"wrote {options.out}")


def _live_model(enhancer: Enhancer) -> tuple[LiveModel, list[Profile | None]]:
    """Describe a bundle's enhancer as what runs live; whose profiles were read is listed as well."""
    from pse_runtime.live_model import LiveModel

    from ._finite import not_finite

    kept: list[Profile | None] = []

    def read(paths: Sequence[Path]) -> Profile | None:
        kept.append(enrol_speaker(enhancer, paths))
        return kept[-1]

    rate = enhancer.sample_rate
    live = LiveModel(
        rate,
        enhancer.frontend.hop,
        enhancer.latency,
        enhancer.needs_cue,
        start=enhancer.stream,
        read=read,
        enrol=lambda clip: enhancer.enrol([clip], rate),
        broken=lambda: not_finite(enhancer),
    )
    return live, kept


def _compare(enhancer: Enhancer, profile: Profile | None, options: LiveOptions, seen: Passage) -> None:
    """Say how far the stream of a file is from what one forward gives."""
    from pse_runtime.audio import read
    from pse_runtime.audio_blocks import BlockReader

    file, rate = options.file, enhancer.sample_rate
    assert file is not None
    with BlockReader(file) as reader:
        plain = reader.format.channels == 1 and reader.format.rate == rate and not options.dry
    if not plain:
        typer.echo(f"stream vs offline    compared for one channel at {rate} Hz only, with nothing mixed in")
        return
    samples, _ = read(file, frames=_COMPARED * rate)
    whole = enhancer.enhance_whole(samples, profile, as_stream=True)
    offline = whole[: max(1, len(seen.beginning) - rate)]
    difference = abs(offline - seen.beginning[: len(offline)]).max()
    typer.echo(f"stream vs offline    {difference:.1e} at most, full scale being 1")


@contextmanager
def _own_stdout() -> Iterator[BinaryIO]:
    """Keep stdout for samples: what a component prints goes to stderr instead, not between two of them."""
    try:
        number = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is no file, but Python's own
        sink = sys.stdout.buffer
        with output_to_stderr():
            yield sink
        return
    with os.fdopen(number, "wb") as sink, output_to_stderr():
        yield sink
