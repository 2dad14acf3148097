"""How the speaker cue steers the features."""

from __future__ import annotations

from collections.abc import Iterable

from ..api import Component, hookimpl

_HERE = "pse_plugins.conditioners"


@hookimpl
def pse_conditioners() -> Iterable[Component]:
    """Offer the built-in conditioners."""
    yield Component("concat", f"{_HERE}.concat:Concat", "join the cue to each frame, then one linear map")
    yield Component("add", f"{_HERE}.add:Add", "add a projection of the cue to each frame")
    yield Component(
        "multiply", f"{_HERE}.multiply:Multiply", "scale each channel by the cue, as SpeakerBeam does"
    )
    yield Component("film", f"{_HERE}.film:Film", "scale and shift each channel by the cue")
    yield Component(
        "cross-attention",
        f"{_HERE}.cross_attention:CrossAttention",
        "each frame attends to the enrolment's hidden states",
    )
    yield Component(
        "sparse-moe", f"{_HERE}.sparse_moe:SparseMoe", "the cue picks which of several experts run"
    )
