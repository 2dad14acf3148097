"""What `pse export` writes does what the model does: every pair, ensembles, plugins; and says why where it cannot."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
from pse_runtime.model import Model
from tiny_models import CONDITIONERS, OFFLINE, PAIRS, TINY, tiny_enhancer

from pse_plugins.assembly import build_enhancer
from pse_plugins.backbones.relative_attention import RelativeAttention
from pse_plugins.contracts import Conditioner, Prepared, SpeakerCue
from pse_plugins.errors import BundleError, ConfigError
from pse_plugins.export import export
from pse_plugins.export.parity import MOST, compare
from pse_plugins.profile import Profile

QUICK = [("film", "gru"), ("cross-attention", "transformer")]
FRONTEND = {"frame": 64, "hop": 32, "compression": 0.3}


def somebody(enhancer, clips=2, frames=9, seed=3):
    torch.manual_seed(seed)
    encoder = enhancer.speaker_encoder
    there = torch.ones(1, clips, frames, dtype=torch.bool)
    there[:, -1, frames // 2 :] = False
    cue = SpeakerCue(
        torch.randn(1, clips, frames, encoder.cue_dim), there, torch.randn(1, clips, encoder.vector_dim)
    )
    return Profile.of(cue, enhancer.cue_fingerprint(), encoder.sample_rate)


def both(enhancer, folder, samples, profile=None, block=37):
    """Stream through the model and through what was exported."""
    streams = enhancer.stream(profile), Model(folder).stream(profile)
    fed = [
        [stream.feed(samples[i : i + block]) for i in range(0, len(samples), block)] + [stream.flush()]
        for stream in streams
    ]
    return [np.concatenate(parts) for parts in fed]


def sound(samples=4000, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(samples) * np.repeat(rng.random(samples // 100), 100)).astype(np.float32)


@pytest.mark.parametrize(
    ("conditioner", "backbone"),
    [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow) for pair in PAIRS],
)
def test_every_pair_does_what_the_model_does(conditioner, backbone, tmp_path):
    """Over many look-backs, as rings go wrong only once they are full; with other numbers of clips than traced."""
    enhancer = tiny_enhancer(conditioner, backbone)
    _, parity = export(enhancer, tmp_path / "live", encoder=False)
    assert parity.difference < MOST
    for clips in (1, 5):
        expected, found = both(enhancer, tmp_path / "live", sound(), somebody(enhancer, clips))
        np.testing.assert_allclose(found, expected, atol=MOST)
        assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("look_back", [0, 1, 2, 8])
def test_any_look_back_is_held_in_rings(look_back, tmp_path):
    options = {**TINY["transformer"], "look_back": look_back}
    enhancer = tiny_enhancer("concat", "transformer", backbone_options=options)
    made, _ = export(enhancer, tmp_path / "live", encoder=False)
    assert {s.update for s in made.state if s.name.startswith("backbone")} == (
        {"ring"} if look_back else set()
    )
    expected, found = both(enhancer, tmp_path / "live", sound(), somebody(enhancer))
    np.testing.assert_allclose(found, expected, atol=MOST)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize(("frame", "latency"), [(400, 400), (480, 320)])
def test_frames_that_are_no_power_of_two_lose_nothing(frame, latency, int8, tmp_path):
    frontend = {"frame": frame, "hop": 160, "synthesis_frame": latency, "compression": 0.3}
    enhancer = tiny_enhancer(frontend_options=frontend)
    _, parity = export(enhancer, tmp_path / "live", encoder=False, int8=int8)
    assert parity.difference < MOST or (int8 and parity.si_sdr > 40)


def test_the_graph_gives_new_rows_only_and_takes_the_enrolment(tmp_path):
    enhancer = tiny_enhancer("cross-attention", "transformer")
    made, _ = export(enhancer, tmp_path / "live", encoder=False)
    graph = onnx.load(tmp_path / "live" / made.steps[0]).graph
    shapes = {
        o.name: [d.dim_value or d.dim_param for d in o.type.tensor_type.shape.dim]
        for o in [*graph.input, *graph.output]
    }
    assert shapes["state/backbone.keys.0"] == [1, 5, 8] and shapes["next/backbone.keys.0"] == [1, 1, 8]
    assert shapes["prepared/layers.1.conditioner.key"] == [1, 2, 4, "rows"]
    assert made.opset == 20 == onnx.load(tmp_path / "live" / made.steps[0]).opset_import[0].version
    assert {op.op_type for op in graph.node}.isdisjoint({"GRU", "LSTM", "Loop", "Scan", "If"})


@pytest.mark.parametrize("backbone", ["gru", "transformer"])
def test_int8_is_near_and_a_quarter_of_the_size(backbone, tmp_path):
    wide = {
        "gru": {"hidden": 96},
        "transformer": {**TINY["transformer"], "head_dim": 48, "feed_forward": 256},
    }
    enhancer = tiny_enhancer("concat", backbone, backbone_options=wide[backbone])
    whole, _ = export(enhancer, tmp_path / "whole", encoder=False)
    small, parity = export(enhancer, tmp_path / "small", int8=True, encoder=False)
    sizes = [
        os.path.getsize(tmp_path / name / m.steps[0]) for name, m in (("whole", whole), ("small", small))
    ]
    assert sizes[1] < 0.45 * sizes[0]
    assert parity.si_sdr > 30 and parity.difference > MOST
    kinds = {op.op_type for op in onnx.load(tmp_path / "small" / "step.onnx").graph.node}
    assert "MatMulInteger" in kinds and "Gemm" not in kinds
    weights = onnx.load(tmp_path / "small" / "step.onnx").graph.initializer
    assert onnx.TensorProto.INT8 not in {w.data_type for w in weights}  # signed ones saturate with AVX2


def test_an_encoder_goes_with_it_and_enrols_as_the_model_does(tmp_path, voice):
    enhancer = tiny_enhancer("cross-attention", "gru", conditioner_options={"heads": 2})
    export(enhancer, tmp_path / "live", clip_seconds=2.0)
    model = Model(tmp_path / "live")
    clips = [voice(120, 1.5), np.pad(voice(130, 0.9), (8000, 4000))]
    expected, found = enhancer.enrol(clips, 16000), model.enrol(clips, 16000)
    assert found.fingerprint == expected.fingerprint
    kept = expected.mask
    np.testing.assert_array_equal(found.mask.sum(-1), kept.sum(-1))
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-4)
    frames = int(kept[0, 0].sum())
    np.testing.assert_allclose(found.tokens[0, 0, :frames], expected.tokens[0, 0, :frames], atol=1e-4)
    longer = model.enrol([voice(120, 3.0)], 16000)
    assert any("only the first 2 s are heard" in note for note in longer.notes)
    own = Profile(found.tokens, found.mask, found.vectors, found.fingerprint, found.sample_rate)
    a, b = both(enhancer, tmp_path / "live", sound(), own)
    np.testing.assert_allclose(a, b, atol=MOST)


def test_an_encoder_that_cannot_be_exported_says_why_and_takes_profiles(tmp_path, voice):
    options = {"weights": None, "channels": 16, "embedding": 6}
    enhancer = tiny_enhancer(speaker_encoder="ecapa", speaker_encoder_options=options)
    made, _ = export(enhancer, tmp_path / "live")
    assert made.enrolment.graph is None
    assert made.enrolment.reason.startswith("speaker encoder 'ecapa' cannot be exported: ")
    model = Model(tmp_path / "live")
    with pytest.raises(BundleError, match=r"'ecapa' cannot be exported.*make a profile with the model"):
        model.enrol([voice()], 16000)
    profile = enhancer.enrol([voice()], 16000)
    np.testing.assert_allclose(*both(enhancer, tmp_path / "live", sound(), profile), atol=MOST)


ENSEMBLE = {
    "experts": 3,
    "expert_options": {"hidden": 8},
    "encoder_options": {"hidden": 6},
    **{"first": 3, "every": 2, "smoothing": 2, "hysteresis": 0.0, "warm_up": 3, "fade": 4},
}


def ensemble(expert="gru", **options):
    torch.manual_seed(1)
    made = build_enhancer(
        {
            "conditioner": None,
            "backbone": "specialist-ensemble",
            "backbone_options": {**ENSEMBLE, "expert": expert, **options},
            "frontend_options": FRONTEND,
        }
    ).eval()
    torch.manual_seed(2)
    with torch.no_grad():  # another specialist for every sound
        for parameter in made.backbone.encoder.parameters():
            parameter.normal_()
        made.backbone.gate.weight.normal_(std=3)
        for p in (p for n, p in made.named_parameters() if "head" in n):
            p.mul_(8)
    return made


def changing(samples=8000):
    """Four sounds in turn, 20 hops each."""
    t = np.arange(samples)
    noise = 3 * np.random.default_rng(0).standard_normal(samples)
    sounds = [np.sin(t * 0.1), np.sin(t * 1.5), np.sin(t * 2.8), noise]
    return np.choose((t // 640) % 4, sounds).astype(np.float32)


@pytest.mark.parametrize("warm_up", [0, 3])
@pytest.mark.parametrize("expert", ["gru", pytest.param("transformer", marks=pytest.mark.slow)])
def test_an_ensemble_changes_its_specialist_as_the_model_does(expert, warm_up, tmp_path):
    enhancer = ensemble(expert, expert_options=TINY[expert], warm_up=warm_up)
    made, parity = export(enhancer, tmp_path / "live")
    assert len(made.steps) == 3 and parity.difference < MOST
    expected, found = both(enhancer, tmp_path / "live", changing())
    np.testing.assert_allclose(found, expected, atol=MOST)
    stream, active = Model(tmp_path / "live").stream(), []
    for hop in changing().reshape(-1, 32):
        stream.feed(hop)
        active.append(stream._active)
    changes = np.count_nonzero(np.diff(active))
    assert changes > 3 and len(set(active)) == 3  # else nothing was tried


def test_an_ensemble_goes_on_from_a_saved_state_amid_a_change(tmp_path):
    export(ensemble(), tmp_path / "live")
    model, samples = Model(tmp_path / "live"), changing()
    whole = model.stream()
    expected = np.concatenate([whole.feed(samples), whole.flush()])
    first, out, amid = model.stream(), [], False
    for hop in samples.reshape(-1, 32):
        out.append(first.feed(hop))
        if not amid and first._coming >= 0 and first._age > 0:
            amid, saved, first = True, first.save(), model.stream()
            first.feed(changing(640))
            first.restore(saved)
    assert amid
    np.testing.assert_array_equal(np.concatenate([*out, first.flush()]), expected)


@pytest.mark.slow
@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_a_network_that_steers_itself_does_what_the_model_does(conditioner, tmp_path):
    torch.manual_seed(0)
    heads = {"heads": 2} if conditioner == "cross-attention" else {}
    options = {"expert_options": {"hidden": 8}, "encoder_options": {"hidden": 6}, "first": 3, "every": 2}
    enhancer = build_enhancer(
        {
            "conditioner": conditioner,
            "conditioner_options": heads,
            "backbone": "self-conditioned",
            "backbone_options": options,
            "frontend_options": FRONTEND,
        }
    ).eval()
    for module in enhancer.modules():
        if hasattr(module, "gate"):
            torch.nn.init.normal_(module.gate.bias)  # before it has heard anything all would be alike
    export(enhancer, tmp_path / "live")
    np.testing.assert_allclose(*both(enhancer, tmp_path / "live", sound()), atol=MOST)


@pytest.mark.parametrize("backbone", OFFLINE)
def test_what_cannot_stream_is_refused(backbone, tmp_path):
    enhancer = tiny_enhancer("film", backbone, backbone_options=OFFLINE[backbone])
    with pytest.raises(ConfigError, match=f"'{backbone}' cannot stream: it has no step to export"):
        export(enhancer, tmp_path / "live")
    assert not (tmp_path / "live").exists()


class Reads(Conditioner):
    """Decides in Python what only the data can tell."""

    def prepare(self, cue):
        return Prepared({"x": cue.view("vector")[0]})

    def forward(self, x, prepared):
        return x * 2 if float(x.sum()) > 0 else x


def test_a_component_that_cannot_be_exported_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("pse_plugins.conditioners.film.Film.forward", Reads.forward)
    with pytest.raises(
        ConfigError, match=r"the step of film in gru cannot be exported: \w+: .*data-dependent"
    ):
        export(tiny_enhancer(), tmp_path / "live", encoder=False)
    assert list(tmp_path.iterdir()) == []


def test_graphs_that_do_something_else_are_refused(tmp_path, monkeypatch):
    one = RelativeAttention._one
    traced = lambda self, query, *rest: one(self, query, *rest) * (1.0 + 0.5 * torch.compiler.is_exporting())  # noqa: E731
    monkeypatch.setattr(RelativeAttention, "_one", traced)
    with pytest.raises(BundleError, match=r"differ from the model by .*; a component does something else"):
        export(tiny_enhancer("concat", "transformer"), tmp_path / "live", encoder=False)
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_not_replaced_and_an_export_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(BundleError, match="exists and is no exported model"):
        export(tiny_enhancer(), tmp_path / "mine", encoder=False)
    for seed in (0, 1):
        export(tiny_enhancer(seed=seed), tmp_path / "live", encoder=False)
    assert compare(tiny_enhancer(seed=1), tmp_path / "live").difference < MOST
    assert sorted(p.name for p in tmp_path.iterdir()) == ["live", "mine"]


def test_the_manifest_lists_the_state(tmp_path):
    made, _ = export(tiny_enhancer(), tmp_path / "live", encoder=False, about={"record": {"licence": "mine"}})
    said = json.loads((tmp_path / "live" / "manifest.json").read_text())
    assert said["about"]["record"]["licence"] == "mine" and said["about"]["enhancer"]["backbone"]
    assert {"name", "shape", "dtype", "init", "update", "role"} == set(said["state"][0])
    assert [s["name"] for s in said["state"]] == [s.name for s in made.state]
    assert {(s.name, s.shape) for s in made.state} >= {
        ("backbone.hidden.0", (1, 12)),
        ("frontend.history", (1, 32)),
    }
