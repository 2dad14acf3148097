"""``pse doctor``: what is installed, what is not, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import typer

_ESSENTIAL = (
    "torch",
    "speechbrain",
    "hyperpyyaml",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "safetensors",
    "pluggy",
)
_EXTRAS = {
    "pesq": ("eval", "PESQ", "pesq", "needs a C compiler"),
    "resemblyzer": (
        "d-vector",
        "pretrained d-vector",
        "resemblyzer",
        "pip install --no-deps resemblyzer is enough",
    ),
    "espeakng_loader": ("demo", "embedded speech", "espeakng-loader", ""),
    "pocketsphinx": ("wer", "offline recogniser", "pocketsphinx", ""),
    "jiwer": ("wer", "word error rate", "jiwer", ""),
    "onnx": ("export", "export", "onnx", ""),
    "onnxruntime": ("export", "fast CPU runtime", "onnxruntime", ""),
    "sounddevice": ("live", "microphone", "sounddevice", ""),
    "webdataset": ("shards", "shards", "webdataset", ""),
}


class Finding(NamedTuple):
    """One line of the report.

    Attributes
    ----------
    state : str
        ``"ok"``, ``"--"`` (not there, not needed) or ``"!!"`` (broken).
    what, detail : str
        What it is about, and its version or the remedy.
    essential : bool
        Whether nothing works without it.
    """

    state: str
    what: str
    detail: str
    essential: bool = False


def command() -> int:
    """Check versions, extras, devices, plugins, components and the default model; say how to mend what is broken."""
    plugins = list(_plugins())  # before torch is imported: a plugin that does it is remarked on
    findings = [*_packages(), *_sound(), *_torchaudio(), *_devices(), *_extras(), *plugins]
    findings += [*_components(), *_model()]
    for finding in findings:
        typer.echo(f"{finding.state}  {finding.what:<22} {finding.detail}")
    broken = [f.what for f in findings if f.state == "!!" and f.essential]
    ready = "ready, but for what is marked !!" if any(f.state == "!!" for f in findings) else "ready"
    typer.echo(f"\nbroken: {', '.join(broken)}" if broken else f"\n{ready}")
    return 1 if broken else 0


def _packages() -> Iterator[Finding]:
    """Check Python and the packages that nothing works without, by importing them."""
    from .. import __version__

    yield Finding("ok", "pse-plugins", __version__)
    version = platform.python_version()
    supported = (3, 10) <= sys.version_info < (3, 14)
    yield Finding(
        "ok" if supported else "!!", "python", version if supported else f"{version}; use 3.10 to 3.13"
    )
    for name in _ESSENTIAL:
        try:
            import_module(name)
            yield Finding("ok", name, importlib.metadata.version(name), True)
        except Exception as error:  # whatever a broken installation does
            yield Finding("!!", name, f"{_line(error)}; pip install --force-reinstall {name}", True)


def _sound() -> Iterator[Finding]:
    """Name the libraries that read and resample audio."""
    try:
        import soundfile
        import soxr

        yield Finding(
            "ok",
            "libsndfile",
            f"{soundfile.__libsndfile_version__}, {len(soundfile.available_formats())} formats",
        )
        yield Finding("ok", "libsoxr", soxr.__libsoxr_version__)
    except Exception as error:  # already reported among the packages; here only named
        yield Finding("!!", "sound libraries", f"{_line(error)}; apt-get install libsndfile1", True)


def _torchaudio() -> Iterator[Finding]:
    """Say how torchaudio was imported, which SpeechBrain does."""
    from .. import compat

    said = {
        "native": "with its extension",
        "stub": "without its extension, which does not fit this torch; nothing here needs it",
        "absent": "not installed; pip install torchaudio",
        "not imported": "not imported yet",
    }
    state = compat.state()
    yield Finding("!!" if state == "absent" else "ok", "torchaudio", f"{state}: {said[state]}", True)


def _devices() -> Iterator[Finding]:
    """List what torch can compute on."""
    try:
        import torch
    except Exception:  # already reported among the packages
        return
    yield Finding("ok", "cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")
    count = torch.cuda.device_count()
    for index in range(count):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        yield Finding("ok", f"cuda:{index}", f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB")
    if not count:
        yield Finding("--", "cuda", "no device; the CPU does for everything but long training")
    if torch.backends.mps.is_available():
        yield Finding("ok", "mps", "Apple GPU")


def _extras() -> Iterator[Finding]:
    """Look for what is optional, without importing it."""
    for module, (extra, use, distribution, hint) in _EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Finding("ok", f"[{extra}] {distribution}", f"{_version(distribution)}, {use}")
        else:
            remedy = f'not installed ({use}): pip install "pse-plugins[{extra}]"'
            yield Finding("--", f"[{extra}] {distribution}", f"{remedy}; {hint}" if hint else remedy)


def _plugins() -> Iterator[Finding]:
    """Count what is on offer, and name what is worth mending and the plugins that were skipped."""
    from ..api import KINDS
    from .plugins import quiet_host

    host = quiet_host()
    providers = {c.provider for kind in KINDS for c in host.components(kind)}
    count = sum(len(host.components(kind)) for kind in KINDS)
    yield Finding("ok", "components", f"{count} of {', '.join(sorted(providers))}")
    for state, notices in (("--", host.remarks), ("!!", host.failures)):
        for notice in notices:
            said = ": ".join(filter(None, (notice.version, notice.reason)))
            yield Finding(state, f"plugin {notice.provider}", f"{said}; {notice.remedy}")


def _components() -> Iterator[Finding]:
    """Name the components that are listed and cannot be imported."""
    from ..api import KINDS
    from ..errors import PseError
    from .plugins import quiet_host

    host = quiet_host()
    for kind in KINDS:
        for component in host.components(kind):
            try:
                host.load(component)
            except PseError as error:
                yield Finding("!!", f"{kind} {component.name}", str(error))


def _model() -> Iterator[Finding]:
    """Load the model that is used when none is named, and say which it is."""
    from ..errors import PseError

    broken = "!!" if os.environ.get("PSE_MODEL") else "--"
    try:
        from ..bundle import find_model, load

        folder = find_model()
        broken = "!!"
        config = load(folder).config
        parts = [str(config[kind]) for kind in ("speaker_encoder", "conditioner", "backbone")]
        yield Finding("ok", "default model", f"{folder}: {', '.join(parts)}, {config['sample_rate']} Hz")
    except PseError as error:
        yield Finding(broken, "default model", str(error))
    except Exception as error:  # a torch that does not import, already reported
        yield Finding("!!", "default model", _line(error))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "version unknown"


def _line(error: BaseException) -> str:
    """Say an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
