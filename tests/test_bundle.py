"""A bundle gives back what went in, and says what is wrong with one that is not whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pse_plugins import bundle, bundle_components
from pse_plugins.api import Component
from pse_plugins.assembly import build_enhancer, with_defaults
from pse_plugins.backbones.gru import Gru
from pse_plugins.bundle import CONFIG, WEIGHTS
from pse_plugins.contracts import Conditioner
from pse_plugins.errors import BundleError

TINY = {
    "sample_rate": 8000,
    "frontend_options": {"frame": 128, "hop": 64},
    "speaker_encoder": "d-vector",
    "speaker_encoder_options": {"weights": None, "hidden": 8, "layers": 1},
    "conditioner": "film",
    "backbone": "gru",
    "backbone_options": {"hidden": 8, "layers": 1},
}


def tiny(frozen=True, **options):
    """Build a small enhancer; a frozen encoder is put in as pretrained weights would be."""
    torch.manual_seed(0)
    enhancer = build_enhancer({**TINY, **options})
    if not frozen or enhancer.speaker_encoder is None:
        return enhancer
    return type(enhancer)(
        enhancer.frontend, enhancer.backbone, enhancer.speaker_encoder.freeze(), enhancer.config
    )


def talk(seconds, rate=8000, seed=0):
    """Noise that comes and goes like syllables: enough for an enrolment."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_loaded_bundle_enhances_as_the_model_did(tmp_path, frozen):
    enhancer = tiny(frozen)
    folder = bundle.save(enhancer, tmp_path / "model", licence="CC BY 4.0", training_hash="abc")
    again = bundle.load(folder)
    assert not again.training
    assert again.speaker_encoder.frozen is frozen
    assert again.config["backbone_options"] == {**TINY["backbone_options"], "normalise": False}
    mixture, clip = talk(1), talk(2, seed=1)
    np.testing.assert_array_equal(
        again.enhance(mixture, 8000, [clip]), enhancer.enhance(mixture, 8000, [clip])
    )


def test_the_description_records_what_matters(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model", licence="CC BY 4.0", training_hash="abc", note="x")
    about = bundle.describe(folder)
    assert about["record"] == {"licence": "CC BY 4.0", "training_hash": "abc", "note": "x"}
    assert about["sample_rate"] == 8000
    assert about["enhancer"]["conditioner"] == "film"
    assert about["versions"]["torch"] == str(torch.__version__)
    assert about["plugins"] == []
    assert sorted(p.name for p in folder.iterdir()) == [CONFIG, WEIGHTS]


def test_a_bundle_needs_neither_the_encoders_weights_file_nor_its_package(tmp_path, monkeypatch):
    enhancer = tiny()
    weights = tmp_path / "encoder.pt"
    torch.save(enhancer.speaker_encoder.state_dict(), weights)
    options = {"weights": str(weights), "hidden": 8, "layers": 1}
    enhancer = build_enhancer({**TINY, "speaker_encoder_options": options})
    assert enhancer.speaker_encoder.frozen
    folder = bundle.save(enhancer, tmp_path / "model")
    weights.unlink()
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    again = bundle.load(folder)
    assert again.speaker_encoder.fingerprint() == enhancer.speaker_encoder.fingerprint()
    assert again.speaker_encoder.frozen


@pytest.mark.parametrize(
    ("name", "said"),
    [("encoder.safetensors", "trained on shells (CC0)"), ("encoder.pt", "encoder.pt (licence not stated)")],
)
def test_the_licence_is_also_that_of_the_encoders_weights(tmp_path, name, said):
    state, path = tiny().speaker_encoder.state_dict(), tmp_path / name
    if path.suffix == ".pt":
        torch.save(state, path)
    else:
        save_file(state, path, {"licence": "trained on shells (CC0)"})
    options = {"weights": str(path), "hidden": 8, "layers": 1}
    enhancer = build_enhancer({**TINY, "speaker_encoder_options": options})
    folder = bundle.save(enhancer, tmp_path / "model", licence="CC BY 4.0")
    licence = bundle.describe(folder)["record"]["licence"]
    assert licence == f"CC BY 4.0; speaker encoder's weights: {said}"
    record = bundle.describe(folder)["record"]
    again = bundle.save(bundle.load(folder), tmp_path / "shipped", **record)
    assert bundle.describe(again)["record"] == record, "said once"


def test_weights_that_nothing_reads_have_no_licence_in_a_bundle(tmp_path):
    enhancer = build_enhancer(
        {**TINY, "conditioner": None, "speaker_encoder_options": {"weights": "/no/such.pt"}}
    )
    folder = bundle.save(enhancer, tmp_path / "model", licence="CC BY 4.0")
    assert bundle.describe(folder)["record"]["licence"] == "CC BY 4.0"


def test_half_precision_halves_the_file_and_keeps_the_profiles_valid(tmp_path):
    enhancer = tiny()
    whole, half = bundle.save(enhancer, tmp_path / "a"), bundle.save(enhancer, tmp_path / "b", half=True)
    assert (half / WEIGHTS).stat().st_size < 0.6 * (whole / WEIGHTS).stat().st_size
    again = bundle.load(half)
    assert next(again.parameters()).dtype == torch.float32
    profile = enhancer.enrol([talk(2)], 8000)
    difference = again.enhance(talk(1), 8000, profile) - enhancer.enhance(talk(1), 8000, profile)
    assert 0 < np.abs(difference).max() < 1e-3


def test_a_model_without_a_cue_is_a_bundle_too(tmp_path):
    folder = bundle.save(tiny(conditioner=None, speaker_encoder=None), tmp_path / "model")
    assert bundle.load(folder).speaker_encoder is None


def test_saving_again_replaces_the_bundle_and_keeps_other_files(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model", note="old")
    (folder / "README.md").write_text("mine")
    bundle.save(tiny(), folder, note="new")
    assert bundle.describe(folder)["record"]["note"] == "new"
    assert (folder / "README.md").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="is no bundle; choose another"):
        bundle.save(tiny(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_truncated_weights_file_is_noticed(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model")
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size // 2)
    with pytest.raises(BundleError, match=r"truncated.*get the bundle again"):
        bundle.load(folder)


def test_a_single_changed_weight_is_noticed(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model")
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(BundleError, match="changed after it was written"):
        bundle.load(folder)


def test_an_edited_description_is_noticed(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model", licence="CC BY-NC 4.0")
    text = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(text.replace("CC BY-NC 4.0", "CC BY 4.0"))
    with pytest.raises(BundleError, match="was changed after it was written"):
        bundle.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', '{"format": "1"}', "\udce4"])
def test_a_damaged_description_is_one_line(tmp_path, text):
    folder = bundle.save(tiny(), tmp_path / "model")
    (folder / CONFIG).write_text(text, errors="surrogateescape")
    with pytest.raises(BundleError) as error:
        bundle.load(folder)
    assert "\n" not in str(error.value)


def test_a_bundle_from_a_newer_version_says_how_to_read_it(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model")
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "format": 99, "surprise": True}))
    with pytest.raises(BundleError, match="upgrade: pip install -U pse-plugins"):
        bundle.load(folder)


def test_a_missing_plugin_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_components, "required", lambda config: ["pse-nowhere==0.3"])
    folder = bundle.save(tiny(), tmp_path / "model")
    with pytest.raises(BundleError, match="needs the plugin pse-nowhere==0.3: pip install"):
        bundle.load(folder)


def test_third_party_components_are_required_by_version(tmp_path, monkeypatch):
    class Host:
        def find(self, kind, name):
            return Component(name, "a:B", provider="pse-moe 0.1" if name == "film" else "pse-plugins 9")

    monkeypatch.setattr(bundle_components.host, "get_host", Host)
    assert bundle_components.required(TINY) == ["pse-moe==0.1"]


def test_weights_of_another_version_of_a_component_are_refused(tmp_path, monkeypatch):
    folder = bundle.save(tiny(), tmp_path / "model")
    config = json.loads((folder / CONFIG).read_text())
    del config["sha256"]
    config["enhancer"]["backbone_options"]["hidden"] = 9
    config["sha256"] = bundle._checksum(config)
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(BundleError, match="do not fit the installed components"):
        bundle.load(folder)


def test_a_full_disk_leaves_the_old_bundle(tmp_path):
    folder = bundle.save(tiny(), tmp_path / "model", note="old")
    script = (
        "import resource; from tests.test_bundle import tiny; from pse_plugins import bundle\n"
        "from pse_plugins.errors import BundleError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        f"try:\n    bundle.save(tiny(), {str(folder)!r}, note='new')\n"
        "except BundleError as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert "cannot write the bundle" in result.stdout, result.stderr
    assert bundle.describe(folder)["record"]["note"] == "old"
    bundle.load(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_the_record_must_be_plain_data(tmp_path):
    with pytest.raises(BundleError, match="not plain data"):
        bundle.save(tiny(), tmp_path / "model", score=torch.ones(2))
    assert not (tmp_path / "model").exists()


def test_tied_weights_are_stored(tmp_path):
    enhancer = tiny()
    layers = [m for m in enhancer.modules() if isinstance(m, Conditioner)]
    enhancer.backbone.extra = layers[0]
    assert bundle.save(enhancer, tmp_path / "model").is_dir()


def test_the_model_is_found_where_the_environment_says(tmp_path, monkeypatch):
    folder = bundle.save(tiny(), tmp_path / "model")
    monkeypatch.setenv("PSE_MODEL", str(folder))
    assert bundle.find_model() == bundle.find_model("default") == folder
    assert bundle.find_model(tmp_path) == tmp_path
    with pytest.raises(BundleError, match="defualt: no such bundle folder; did you mean 'default'"):
        bundle.find_model("defualt")
    monkeypatch.setenv("PSE_MODEL", str(tmp_path / "gone"))
    with pytest.raises(BundleError, match="check --model or PSE_MODEL"):
        bundle.find_model()


def test_without_a_model_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("PSE_MODEL", raising=False)
    monkeypatch.setattr(bundle, "share", lambda name: tmp_path / name)
    with pytest.raises(BundleError, match="run `pse demo`"):
        bundle.find_model()
    default = tmp_path / "models" / "default"
    bundle.save(tiny(), default)
    assert bundle.find_model() == default


def test_the_folder_of_a_run_will_do(tmp_path):
    bundle.save(tiny(), tmp_path / "run" / "bundle")
    assert bundle.find_model(tmp_path / "run") == tmp_path / "run" / "bundle"


def test_defaults_of_parts_inside_a_backbone_are_kept_too():
    own = {"backbone": "specialist-ensemble", "backbone_options": {"expert": "gru", "encoder": "gru-siamese"}}
    enhancer = build_enhancer({**own, "conditioner": None, "speaker_encoder": None})
    full = with_defaults(enhancer.config)["backbone_options"]
    assert full["expert_options"]["hidden"] == 256 and full["encoder_options"]["layers"] == 2
    assert not {"n_bins", "input"} & set(full["encoder_options"]), "set by what they are built for"
    again = build_enhancer(with_defaults(enhancer.config))
    assert again.state_dict().keys() == enhancer.state_dict().keys()
    assert "expert_options" not in enhancer.config["backbone_options"], "the original is left alone"


def test_a_bundle_keeps_the_defaults_that_it_was_made_with(tmp_path, monkeypatch):
    folder = bundle.save(build_enhancer({"conditioner": None, "backbone": "gru"}), tmp_path / "model")
    monkeypatch.setattr(
        Gru.__init__, "__defaults__", (*Gru.__init__.__defaults__[:1], 8, *Gru.__init__.__defaults__[2:])
    )
    assert build_enhancer({"conditioner": None, "backbone": "gru"}).backbone.head.in_features == 8
    assert bundle.load(folder).backbone.head.in_features == 256
