"""``pse-stream``: keep one enrolled speaker of live audio, with a model that ``pse export`` wrote."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .errors import BundleError, PseError
from .say import remark

DONE, MISTAKE, INTERRUPTED = 0, 2, 130


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(
        prog="pse-stream",
        description="Keep the enrolled speaker of live audio: mono 16-bit little-endian PCM on stdin and stdout. "
        "With a FILE, it is streamed the same way, and latency and real-time factor are shown.",
    )
    made.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a recording instead of stdin")
    made.add_argument("--model", type=Path, help="folder that pse export wrote; PSE_LIVE_MODEL without")
    made.add_argument(
        "--enrol",
        action="append",
        default=[],
        type=Path,
        metavar="CLIP",
        help="clip of the speaker, or a profile",
    )
    made.add_argument("--rate", type=int, help="of stdin, in Hz; the model's without, which waits least")
    made.add_argument("--block", type=int, help="samples taken at a time; a hop without")
    made.add_argument("--out", type=Path, help="where to write FILE's result")
    made.add_argument("--save-profile", type=Path, metavar="PROFILE", help="keep who was enrolled in a file")
    made.add_argument("--version", action="version", version=f"pse-runtime {__version__}")
    return made


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; gives 0 done, 2 the user's mistake, 130 interrupted."""
    options = parser().parse_args(argv)
    try:
        stream(
            _folder(options.model),
            options.file,
            options.enrol,
            options.rate,
            options.block,
            options.out,
            options.save_profile,
        )
    except PseError as error:
        remark(str(error))
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def stream(
    folder: Path,
    file: Path | None,
    enrol: Sequence[Path],
    rate: int | None = None,
    block: int | None = None,
    out: Path | None = None,
    save_profile: Path | None = None,
) -> None:
    """Stream from stdin to stdout, or a file.

    Parameters
    ----------
    folder : Path
        The exported model.
    file : Path or None
        None takes stdin.
    enrol : sequence of Path
        Clips and profiles of the speaker to keep.
    rate : int or None
        Of stdin in Hz; the model's when None.
    block : int or None
        Samples taken at a time; a hop when None.
    out : Path or None
        Where a file's result goes.
    save_profile : Path or None
        Where to keep who was enrolled.

    Raises
    ------
    PseError
        For what the user can mend.
    """
    from . import live
    from .audio_blocks import BlockProcessor
    from .enrolling import enrol_paths
    from .model import Model
    from .profile import Profile

    live.check_options(file, rate, block, out)
    model = Model(folder)
    profile = enrol_paths(model, enrol, Profile)
    if profile is not None and save_profile is not None:
        profile.save(save_profile)
        remark(f"wrote {save_profile}")

    def start() -> BlockProcessor:
        return model.stream(profile)

    if file is None:
        live.stream_raw(start, model.sample_rate, model.hop, rate, block, sys.stdout.buffer)
        return
    live.stream_file(start, model.sample_rate, model.hop, model.latency, file, out, block)
    remark("measured only; --out FILE keeps the sound" if out is None else f"wrote {out}")


def _folder(given: Path | None) -> Path:
    """Choose the model's folder."""
    chosen = given or os.environ.get("PSE_LIVE_MODEL")
    if not chosen:
        raise BundleError("no model: name the folder that pse export wrote with --model or PSE_LIVE_MODEL")
    return Path(chosen)


def main() -> None:
    """Run ``pse-stream``."""
    sys.exit(run())
