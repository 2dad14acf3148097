"""Profiles and exported folders: what was written is read, and what was damaged is said."""

import json
import shutil

import numpy as np
import pytest
from live_rig import RATE, put, talk
from pse_runtime.enrolling import enrol_paths
from pse_runtime.errors import AudioError, BundleError
from pse_runtime.model import Model
from pse_runtime.profile import Profile, is_profile
from safetensors.numpy import load_file, save_file


def test_a_profile_comes_back_as_it_was(profile, tmp_path):
    profile.save(tmp_path / "deep" / "me.profile")
    back = Profile.load(tmp_path / "deep" / "me.profile")
    for name in ("tokens", "mask", "vectors"):
        assert np.array_equal(getattr(back, name), getattr(profile, name))
        assert getattr(back, name).dtype == getattr(profile, name).dtype
    for name in ("fingerprint", "sample_rate", "notes", "encoder"):
        assert getattr(back, name) == getattr(profile, name)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["me.profile"]


def test_profiles_are_told_from_clips_by_name_or_content(profile, tmp_path):
    profile.save(tmp_path / "me")
    assert is_profile(tmp_path / "me") and is_profile(tmp_path / "gone.profile")
    assert not is_profile(put(tmp_path / "a.wav", talk(0.1)))


@pytest.mark.parametrize("at", [3, 300, -40])
def test_a_changed_byte_in_a_profile_is_noticed(profile, tmp_path, at):
    profile.save(tmp_path / "me.profile")
    data = bytearray((tmp_path / "me.profile").read_bytes())
    data[at] ^= 1
    (tmp_path / "me.profile").write_bytes(data)
    with pytest.raises(BundleError, match="damaged"):
        Profile.load(tmp_path / "me.profile")


def test_half_a_profile_no_profile_and_none_are_said(profile, tmp_path):
    path = tmp_path / "me.profile"
    profile.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleError, match="make it again"):
        Profile.load(path)
    save_file({"x": np.zeros(2)}, path)
    with pytest.raises(BundleError, match="is not a profile"):
        Profile.load(path)
    path.unlink()
    with pytest.raises(BundleError, match="no such file"):
        Profile.load(path)


def test_a_profile_of_a_newer_version_is_refused(profile, tmp_path, monkeypatch):
    monkeypatch.setattr("pse_runtime.profile.VERSION", 2)
    profile.save(tmp_path / "me.profile")
    monkeypatch.setattr("pse_runtime.profile.VERSION", 1)
    with pytest.raises(BundleError, match="newer"):
        Profile.load(tmp_path / "me.profile")


def test_a_profile_of_another_encoder_is_refused(model, live_models, profile, tmp_path):
    from dataclasses import replace

    foreign = replace(profile, fingerprint="other")
    with pytest.raises(BundleError, match="enrol again"):
        model.stream(foreign)
    foreign.save(tmp_path / "you.profile")
    with pytest.raises(BundleError, match=r"you\.profile: .*enrol again"):
        enrol_paths(model, [tmp_path / "you.profile"], Profile)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "live")


def change(folder, **entries):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in {**content, **entries}.items() if v is not None}))


def test_a_whole_copy_runs(copy, profile):
    assert len(Model(copy).stream(profile).feed(talk(0.1))) > 0


@pytest.mark.parametrize("name", ["step.onnx", "prepare.onnx", "encode.onnx"])
@pytest.mark.parametrize("how", ["missing", "changed", "cut off"])
def test_a_file_that_is_not_as_written_is_named(copy, name, how):
    data = (copy / name).read_bytes()
    if how == "missing":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(data[:-9] if how == "cut off" else data[:-1] + b"~")
    with pytest.raises(BundleError, match=f"{name}: missing, truncated, or changed"):
        Model(copy)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"format": 2}, r"format 2, this version reads 1; pip install -U pse-runtime"),
        ({"format": None}, r"format None"),
        ({"kind": "bundle"}, r"not the manifest of an exported model"),
        ({"state": [{"name": "x"}]}, r"damaged \('shape'\); export again"),
        ({"steps": None}, r"damaged .*steps.*; export again"),
        ({"colour": "red"}, r"damaged .*colour.*; export again"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_said(copy, entries, said):
    change(copy, **entries)
    with pytest.raises(BundleError, match=said):
        Model(copy)


def test_no_manifest_and_no_json_are_said(copy, tmp_path):
    (copy / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        Model(copy)
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(BundleError, match="not the manifest"):
        Model(copy)
    with pytest.raises(BundleError, match="no exported model"):
        Model(tmp_path)
    (copy / "manifest.json").rename(copy / "config.json")
    with pytest.raises(BundleError, match="it is a bundle: pse export --model .* --out FOLDER"):
        Model(copy)


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ([], "no enrolment clip"),
        ([np.zeros(32000)], "silent"),
        ([talk(0.2)], "too short"),
        ([0.1 * np.random.default_rng(0).standard_normal(32000)], "steady sound"),
        ([np.full(32000, np.nan)], "NaN"),
        ([talk(2)] * 6, "6 enrolment clips; give 1 to 5"),
        ([talk(2), np.zeros(0)], "clip 2: holds no samples"),
    ],
)
def test_clips_that_cannot_be_used_are_said(model, clips, said):
    with pytest.raises(AudioError if "6 " not in said else BundleError, match=said):
        model.enrol(clips, RATE)


def test_a_model_that_needs_an_enrolment_says_so(model):
    with pytest.raises(AudioError, match="needs an enrolment"):
        model.stream()
    with pytest.raises(AudioError, match="no enrolment; give 1 to 5 clips"):
        enrol_paths(model, [], Profile)


def test_a_model_without_its_encoder_takes_profiles_only(copy, profile):
    enrolment = json.loads((copy / "manifest.json").read_text())["enrolment"]
    change(copy, enrolment={**enrolment, "graph": None, "reason": "it is odd"})
    model = Model(copy)
    with pytest.raises(BundleError, match=r"it is odd.*pse enrol CLIP.wav"):
        model.enrol([talk(2)], RATE)
    assert len(model.stream(profile).feed(talk(0.1))) > 0


def test_clips_and_profiles_make_one_profile_with_their_notes(model, tmp_path, capsys):
    model.enrol([talk(2)], RATE).save(tmp_path / "a.profile")
    put(tmp_path / "b.wav", talk(4, seed=3, rate=44100), 44100)
    joined = enrol_paths(model, [tmp_path / "a.profile", tmp_path / "b.wav"], Profile)
    assert joined.mask.shape[1] == 2
    assert "b.wav: only the first 3 s are heard" in capsys.readouterr().err
    assert load_file(tmp_path / "a.profile")["mask"].all()
