"""From folders to contenders: bundles run with torch, exported models with pse-runtime, peers with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pse_runtime import bench_exported
from pse_runtime.bench_peers import FRAME, SAMPLE_RATE, find_peers
from pse_runtime.manifest import is_exported
from pse_runtime.model import Model

from .. import bundle
from ..contracts import initial_state
from ..cost import count_parameters
from ..enhancer import Enhancer
from ..errors import BundleError
from ..export import export
from ..export.costs import macs_per_hop, one_lane
from ..export.parity import somebody
from .contender import Contender


def find_contenders(models: Sequence[str | Path], peers: str | Path | None = None) -> list[Contender]:
    """Load what is to be measured.

    Parameters
    ----------
    models : sequence of str or Path
        Folders of bundles, or of what ``pse export`` wrote.
    peers : str, Path or None
        Folder with the ONNX files of GTCRN or DTLN.

    Raises
    ------
    BundleError
        If a folder holds no such thing, or it is not whole.
    ConfigError
        If a model does not stream.
    """
    found = [_exported(Path(m)) if is_exported(m) else _bundle(Path(m)) for m in models]
    return _apart(found) + ([] if peers is None else _peers(Path(peers)))


def default_contenders(folder: str | Path, peers: str | Path | None = None) -> list[Contender]:
    """Load the default model as it is, and as exported to a folder in float32 and int8.

    Raises
    ------
    BundleError, ConfigError
        If there is none, or it cannot be exported.
    """
    shipped, out = bundle.find_model(None), Path(folder)
    enhancer = bundle.load(shipped)
    for name in ("float32", "int8"):
        export(enhancer, out / name, int8=name == "int8")
    made = [_bundle(shipped), _exported(out / "float32"), _exported(out / "int8")]
    named = [replace(c, name=f"default {n}") for c, n in zip(made, ("torch", "float32", "int8"))]
    return named + ([] if peers is None else _peers(Path(peers)))


def _exported(folder: Path) -> Contender:
    """Load what pse export wrote."""
    model = Model(folder)
    made, step = model.manifest, folder / model.manifest.steps[0]
    return Contender(
        name=_name(folder),
        runs_with="pse-runtime",
        precision=made.precision,
        sample_rate=made.sample_rate,
        hop=made.hop,
        latency=made.latency,
        feed=model.stream(bench_exported.somebody(model)).feed,
        start=("-m", "pse_runtime.bench_start", "exported", str(folder)),
        parameters=made.about.get("parameters"),
        macs=made.about.get("macs"),
        weight_bytes=made.about.get("weight_bytes", step.stat().st_size),
        state_bytes=bench_exported.state_bytes(made),
        other_bytes=bench_exported.touched_bytes(made) + bench_exported.prepared_bytes(model),
    )


def _bundle(folder: Path) -> Contender:
    """Load a bundle."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; give a bundle's, or one that pse export wrote")
    folder = bundle.find_model(folder)
    enhancer = bundle.load(folder)
    return of_enhancer(enhancer, _name(folder), ("-m", "pse_plugins.bench.first_hop", str(folder)))


def of_enhancer(enhancer: Enhancer, name: str, start: Sequence[str] = ()) -> Contender:
    """Make a contender of an enhancer, which torch runs.

    Parameters
    ----------
    enhancer : Enhancer
        One that streams.
    name : str
        Of its row.
    start : sequence of str
        See `Contender`; without any, start-up is not measured.

    Raises
    ------
    ConfigError
        If it does not stream.
    """
    profile = somebody(enhancer, frames=bench_exported.CUE_FRAMES)
    stream, lane = enhancer.stream(profile), one_lane(enhancer)
    state = initial_state(lane.state_spec(), 1, lane.frontend.analysis).values()
    held = sum(tensor.nbytes for tensor in state)
    prepared = lane.prepare(None if profile is None else profile.cue).tensors.values()
    weights = [*lane.backbone.parameters(), *lane.backbone.buffers(), *lane.frontend.buffers()]
    return Contender(
        name=name,
        runs_with="torch",
        precision="float32",
        sample_rate=enhancer.sample_rate,
        hop=enhancer.frontend.hop,
        latency=enhancer.latency,
        feed=stream.feed,
        start=start,
        parameters=count_parameters(enhancer.backbone),
        macs=macs_per_hop(lane),
        weight_bytes=sum(tensor.nbytes for tensor in weights),
        state_bytes=held,
        other_bytes=2 * held + sum(tensor.nbytes for tensor in prepared),
    )


def _peers(folder: Path) -> list[Contender]:
    """Load the peers of a folder."""
    made = []
    for peer in find_peers(folder):
        weights = sum((folder / name).stat().st_size for name in peer.files)
        made.append(
            Contender(
                name=peer.name,
                runs_with="onnxruntime",
                precision="float32",
                sample_rate=SAMPLE_RATE,
                hop=peer.hop,
                latency=FRAME,
                feed=peer.feed,
                start=("-m", "pse_runtime.bench_start", peer.name, str(folder)),
                parameters=peer.parameters or weights // 4,
                macs=peer.macs or weights // 4,  # each weight is used once
                weight_bytes=weights,
                state_bytes=peer.state_bytes,
                other_bytes=2 * peer.state_bytes,
            )
        )
    return made


def _name(folder: Path) -> str:
    """Name a row after its folder; a run's folder rather than the ``bundle`` in it."""
    folder = folder.absolute()
    return folder.parent.name if folder.name == "bundle" else folder.name


def _apart(rows: list[Contender]) -> list[Contender]:
    """Number those that would have the same name."""
    names = [row.name for row in rows]
    return [
        replace(row, name=f"{row.name} {names[: i + 1].count(row.name)}")
        if names.count(row.name) > 1
        else row
        for i, row in enumerate(rows)
    ]
