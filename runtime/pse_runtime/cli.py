"""``pse-stream``: keep one enrolled speaker of live audio, with a model that ``pse export`` wrote."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .errors import BundleError, DeviceError, PseError
from .say import remark

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, as every other mistake."""
        remark(f"{message}; pse-stream --help lists all options")
        sys.exit(MISTAKE)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = _Parser(
        prog="pse-stream",
        description="Keep the enrolled speaker of live audio: mono little-endian PCM on stdin and stdout, or sound "
        "devices. With a FILE, it is streamed the same way, and latency and real-time factor are shown.",
    )
    made.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a recording instead of stdin")
    made.add_argument("--model", type=Path, help="folder that pse export wrote; PSE_LIVE_MODEL without")
    made.add_argument("--rate", type=int, help="in Hz; the model's without, which waits least")
    made.add_argument("--block", type=int, help="samples taken at a time; a hop without")
    made.add_argument("--format", default="s16", help="of samples on stdin and stdout: s16 (default) or f32")
    made.add_argument("--out", type=Path, help="where to write the result of FILE, or of sound devices")
    _add_speakers(made.add_argument_group("who is kept"))
    _add_sound(made.add_argument_group("what is heard"))
    made.add_argument("--version", action="version", version=f"pse-runtime {__version__}")
    return made


def _add_speakers(group: Any) -> None:
    """Describe the options on speakers."""
    many: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument("--enrol", **many, type=Path, metavar="CLIP", help="clip of the speaker, or a profile")
    group.add_argument("--save-profile", type=Path, metavar="PROFILE", help="keep who was enrolled in a file")
    group.add_argument(
        "--enrol-live", type=float, metavar="SECONDS", help="enrol whoever speaks first on the input, so long"
    )
    group.add_argument("--mute-until-enrolled", action="store_true", help="silence until then, not the input")
    group.add_argument("--profile", **many, metavar="NAME=FILE", help="one to choose from while it runs")
    group.add_argument("--profiles", type=Path, metavar="DIR", help="all NAME.profile in it to choose from")
    group.add_argument(
        "--control", type=Path, metavar="PATH", help="FIFO or file that the name is written to"
    )


def _add_sound(group: Any) -> None:
    """Describe the options on sound."""
    group.add_argument("--max-suppression-db", type=float, metavar="DB", help="remove at most so much")
    group.add_argument("--dry-wet", type=float, default=1.0, metavar="W", help="0 the input, 1 the result")
    group.add_argument("--input-device", metavar="DEVICE", help="number or name; default for the default")
    group.add_argument("--output-device", metavar="DEVICE", help="the same")
    group.add_argument("--list-devices", action="store_true", help="show the sound devices, and do no more")
    group.add_argument(
        "--meter", action=argparse.BooleanOptionalAction, help="levels, latency and load once a second"
    )


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; gives 0 done, 1 failed, 2 the user's mistake, 130 interrupted."""
    given = vars(parser().parse_args(argv))
    try:
        _stream(given.pop("model"), given.pop("list_devices"), given)
    except DeviceError as error:
        remark(str(error))
        return FAILED
    except PseError as error:
        remark(str(error))
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _stream(folder: Path | None, listing: bool, given: dict[str, Any]) -> None:
    """Do what the command line says."""
    from .devices import list_devices
    from .live import run_live, show
    from .live_model import live_model
    from .options import LiveOptions

    if listing:
        show(list_devices())
        return
    options = LiveOptions(**given)
    options.check()
    run_live(live_model(_folder(folder)), options, sys.stdout.buffer)
    if options.file is not None:
        remark("measured only; --out FILE keeps the sound" if options.out is None else f"wrote {options.out}")


def _folder(given: Path | None) -> Path:
    """Choose the model's folder."""
    chosen = given or os.environ.get("PSE_LIVE_MODEL")
    if not chosen:
        raise BundleError("no model: name the folder that pse export wrote with --model or PSE_LIVE_MODEL")
    return Path(chosen)


def main() -> None:
    """Run ``pse-stream``."""
    sys.exit(run())
