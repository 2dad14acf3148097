"""How fast exported models run live: Transformers, GRUs and ensembles in float32 and int8, beside GTCRN and DTLN.

    python benchmarks/speed.py --peers FOLDER --json speed.json --plot speed.png

Weights are random: speed does not depend on them, quality does, and nothing is said of it here. What is exported
stays in ``--folder`` and is used again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from pse_plugins.assembly import build_enhancer
from pse_plugins.bench import find_contenders, measure
from pse_plugins.bench.plot import plot
from pse_plugins.bench.report import report
from pse_plugins.bench.tables import heading, key, tables
from pse_plugins.enhancer import Enhancer
from pse_plugins.export import export


def transformer(hop: int, layers: int) -> dict[str, Any]:
    """Configure the Transformer with cross-attention to the enrolment, half of its layers a decoder."""
    return {
        "sample_rate": 16000,
        "frontend_options": {"hop": hop, "compression": 0.3},
        "speaker_encoder": "d-vector",
        "speaker_encoder_options": {"weights": None},
        "conditioner": "cross-attention",
        "backbone": "transformer",
        "backbone_options": {"encoder_layers": layers // 2, "decoder_layers": layers // 2},
    }


def gru(hidden: int) -> dict[str, Any]:
    """Configure a masker of two GRU layers at 8 kHz, frames of 1024 and hops of 256."""
    return {
        "sample_rate": 8000,
        "conditioner": None,
        "backbone": "gru",
        "backbone_options": {"hidden": hidden},
    }


def ensemble(experts: int) -> dict[str, Any]:
    """Configure an ensemble of such maskers, of 256 units."""
    options = {"experts": experts, "expert_options": {"hidden": 256}}
    return {
        "sample_rate": 8000,
        "conditioner": None,
        "backbone": "specialist-ensemble",
        "backbone_options": options,
    }


MODELS = {
    "transformer6": transformer(160, 6),
    "transformer6-hop256": transformer(256, 6),
    "transformer12": transformer(160, 12),
    **{f"gru-{hidden}": gru(hidden) for hidden in (64, 256, 512, 1024)},
    **{f"ensemble-{experts}": ensemble(experts) for experts in (2, 10)},
}


def build(config: dict[str, Any]) -> Enhancer:
    """Build a random enhancer."""
    torch.manual_seed(0)
    return build_enhancer(config).eval()


def export_all(folder: Path) -> list[Path]:
    """Export what is not there yet; gives the folders."""
    found = []
    for name, config in MODELS.items():
        for int8 in (False, True):
            out = folder / (f"{name}-int8" if int8 else name)
            if not out.is_dir():
                print("exporting", out.name, flush=True)
                export(build(config), out, int8=int8, encoder=False)
            found.append(out)
    return found


def main() -> None:
    """Run from the command line."""
    from rich.console import Console

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where exported models are kept")
    parser.add_argument("--peers", type=Path, help="with the ONNX files of GTCRN and DTLN")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each row, back to back")
    parser.add_argument("--paced", type=float, default=4.0, help="of each row, paced")
    parser.add_argument("--starts", type=int, default=3, help="fresh processes of each row")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folders = export_all(given.folder or Path(temporary))
        rows = measure(
            find_contenders(folders, given.peers),
            given.seconds,
            given.paced,
            given.starts,
            progress=lambda what: print(what, flush=True),
        )
    measured, console = report(rows), Console(width=100, highlight=False)
    console.print(heading(measured), *tables(measured), key(measured), sep="\n\n")
    if given.json is not None:
        given.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if given.plot is not None:
        plot(measured, given.plot)


if __name__ == "__main__":
    main()
