"""What an export says a hop costs."""

import onnx
import pytest
from tiny_models import TINY, tiny_enhancer

from pse_plugins.export import export
from pse_plugins.export.costs import macs_per_hop, one_lane, weight_bytes


def test_a_gru_counts_its_products_once_a_hop():
    bins, hidden = 33, 12
    enhancer = tiny_enhancer(None, "gru")
    layers = 3 * hidden * (bins + hidden) + 3 * hidden * (hidden + hidden)
    assert macs_per_hop(enhancer) == layers + hidden * bins


def test_attention_counts_its_window_and_each_frame_of_enrolment():
    enhancer = tiny_enhancer("cross-attention", "transformer")
    more = macs_per_hop(enhancer, cue_frames=20) - macs_per_hop(enhancer, cue_frames=10)
    width, steered = (
        8,
        2,
    )  # conditioners stand in the two layers of the decoder; key and value meet each frame
    assert more == steered * 2 * 10 * width
    seen, ends = 5 + 1, 2 * 33 * width  # frames of the past and the present; first and last layer
    layer = 4 * width**2 + 2 * width * 16 + 3 * width * seen
    assert macs_per_hop(enhancer, cue_frames=10) == ends + 3 * layer + steered * 2 * width * (width + 10)
    wider = tiny_enhancer(
        "cross-attention", "transformer", backbone_options={**TINY["transformer"], "look_back": 6}
    )
    layers, products = 3, 3  # content, position and values, of each key
    assert macs_per_hop(wider) - macs_per_hop(enhancer) == layers * products * width


def test_an_ensemble_costs_one_specialist_and_its_gate_however_many_there_are():
    def lane(experts):
        options = {"experts": experts, "expert_options": TINY["gru"]}
        return macs_per_hop(one_lane(tiny_enhancer(None, "specialist-ensemble", backbone_options=options)))

    assert lane(5) - lane(3) < 2 * 200  # the gate's rows
    alone = macs_per_hop(tiny_enhancer(None, "gru"))
    assert lane(3) > alone


@pytest.mark.parametrize("int8", [False, True])
def test_the_manifest_says_it(tmp_path, int8):
    enhancer = tiny_enhancer(None, "gru")
    made, _ = export(enhancer, tmp_path / "live", int8=int8)
    assert made.about["macs"] == macs_per_hop(enhancer)
    assert made.about["parameters"] == sum(p.numel() for p in enhancer.backbone.parameters())
    graph = onnx.load(tmp_path / "live" / "step.onnx")
    stored = sum(onnx.numpy_helper.to_array(t).nbytes for t in graph.graph.initializer)
    assert stored <= made.about["weight_bytes"] == weight_bytes(tmp_path / "live" / "step.onnx")
    assert (made.about["weight_bytes"] < 4 * made.about["parameters"]) == int8
