"""``pse export``: a model as ONNX graphs that run without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._speaker import Model, load_model, remark


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder for the graphs; one made before is replaced.")],
    model: Model = None,
    int8: Annotated[bool, typer.Option("--int8", help="Weights in 8 bits: smaller and faster.")] = False,
    clip_seconds: Annotated[
        float,
        typer.Option("--clip-seconds", min=1.0, max=60.0, help="How much of an enrolment clip is heard."),
    ] = 10.0,
    encoder: Annotated[
        bool, typer.Option("--encoder/--no-encoder", help="Write the speaker encoder, too: clips can enrol.")
    ] = True,
) -> None:
    """Write a model for pse-stream: one hop of samples in, one hop out, on one core and without torch.

    What was written is run beside the model before it takes its place, and the difference is shown.
    """
    from .. import bundle
    from ..export import export

    folder = bundle.find_model(model)
    enhancer = load_model(folder, "cpu")
    record = bundle.describe(folder)["record"]
    made, parity = export(enhancer, out, int8, clip_seconds, encoder, about={"record": record})
    size = sum(file.stat().st_size for file in out.iterdir())
    typer.echo(
        f"hop                  {made.hop} samples at {made.sample_rate} Hz, opset {made.opset}, {made.precision}"
    )
    typer.echo(f"algorithmic latency  {1000 * made.latency / made.sample_rate:.1f} ms")
    typer.echo(f"export vs model      {parity.difference:.1e} at most, {parity.si_sdr:.0f} dB SI-SDR")
    typer.echo(f"size                 {size / 1e6:.1f} MB")
    if made.enrolment is not None and made.enrolment.graph is None:
        remark(f"{made.enrolment.reason}; speakers are enrolled by pse enrol, as profiles")
    clip = "me.wav" if made.enrolment is not None and made.enrolment.graph else "me.profile"
    enrolled = f" --enrol {clip}" if made.enrolment is not None else ""
    remark(f"wrote {out}; try it: pse-stream FILE{enrolled} --model {out} --out clean.wav")
