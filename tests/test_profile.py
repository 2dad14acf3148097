"""A profile keeps a speaker, and refuses to be used with an encoder that did not make it."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pse_runtime.clips import assess
from pse_runtime.profile import is_profile
from safetensors.torch import save_file

from pse_plugins.contracts import SpeakerCue
from pse_plugins.errors import AudioError, BundleError
from pse_plugins.profile import Profile


def make(clips=2, frames=5, fingerprint="abc", seed=0):
    generator = torch.Generator().manual_seed(seed)
    cue = SpeakerCue(
        torch.randn(1, clips, frames, 4, generator=generator),
        torch.rand(1, clips, frames, generator=generator) > 0.3,
        torch.randn(1, clips, 3, generator=generator),
    )
    return Profile.of(cue, fingerprint, 16000, ("a.wav: noisy",), "d-vector")


def talk(seconds, rate=16000, seed=0):
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2).astype(np.float32)


def test_a_saved_profile_comes_back_whole(tmp_path):
    profile = make()
    profile.save(tmp_path / "new" / "me.profile")
    again = Profile.load(tmp_path / "new" / "me.profile")
    for part in ("tokens", "mask", "vectors"):
        assert torch.equal(getattr(again.cue, part), getattr(profile.cue, part))
    assert (again.fingerprint, again.sample_rate, again.encoder) == ("abc", 16000, "d-vector")
    assert again.notes == ("a.wav: noisy",)


def test_the_same_encoder_with_other_options_is_said_to_be_so():
    with pytest.raises(BundleError, match="the model has d-vector with other weights or options"):
        make().check("xyz", "d-vector")


def test_another_encoder_is_refused_with_the_remedy():
    make().check("abc")
    with pytest.raises(BundleError, match="made with the speaker encoder d-vector.*enrol again with it"):
        make().check("xyz", "ecapa")


def test_joined_profiles_read_as_all_their_clips():
    short, long = make(clips=1, frames=3), make(clips=2, frames=7, seed=1)
    joined = Profile.join([short, long])
    assert list(joined.cue.tokens.shape) == [1, 3, 7, 4]
    assert not joined.cue.mask[0, 0, 3:].any()
    assert torch.equal(joined.cue.tokens[:, :1, :3], short.cue.tokens)
    assert torch.equal(joined.cue.tokens[:, 1:], long.cue.tokens)
    assert torch.equal(joined.cue.vectors, torch.cat([short.cue.vectors, long.cue.vectors], 1))
    assert len(joined.notes) == 2


def test_profiles_of_two_encoders_or_of_too_many_clips_do_not_join():
    with pytest.raises(BundleError, match="made with the speaker encoder"):
        Profile.join([make(), make(fingerprint="xyz")])
    with pytest.raises(BundleError, match="6 enrolment clips; give 1 to 5"):
        Profile.join([make(clips=3), make(clips=3)])


def test_a_profile_is_known_by_its_name_or_its_content(tmp_path):
    make().save(tmp_path / "speaker.bin")
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE")
    assert is_profile(tmp_path / "speaker.bin")
    assert is_profile("gone.profile")
    assert not is_profile(tmp_path / "a.wav")
    assert not is_profile(tmp_path / "gone.wav")


@pytest.mark.parametrize("size", [0, 4, 100, 300])
def test_a_truncated_profile_is_one_line(tmp_path, size):
    make().save(tmp_path / "me.profile")
    os.truncate(tmp_path / "me.profile", size)
    with pytest.raises(BundleError, match="damaged.*pse enrol") as error:
        Profile.load(tmp_path / "me.profile")
    assert "\n" not in str(error.value)


def test_a_changed_profile_is_noticed(tmp_path):
    path = tmp_path / "me.profile"
    make().save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match="damaged"):
        Profile.load(path)


def test_missing_foreign_and_newer_files_are_told_apart(tmp_path):
    with pytest.raises(BundleError, match="no such file"):
        Profile.load(tmp_path / "me.profile")
    save_file({"x": torch.ones(1)}, tmp_path / "weights.profile")
    with pytest.raises(BundleError, match="is not a profile"):
        Profile.load(tmp_path / "weights.profile")
    save_file({"x": torch.ones(1)}, tmp_path / "new.profile", {"kind": "pse-profile", "version": "99"})
    with pytest.raises(BundleError, match="upgrade: pip install -U pse-plugins"):
        Profile.load(tmp_path / "new.profile")


def test_a_profile_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "me.profile"
    make().save(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BundleError, match="No space left on device"):
        make(seed=1).save(path)
    assert torch.equal(Profile.load(path).cue.tokens, make().cue.tokens)
    assert [p.name for p in tmp_path.iterdir()] == ["me.profile"]


def test_a_good_clip_draws_no_remark():
    assert assess(talk(3), 16000) == []
    assert assess(talk(3) + 0.3, 16000) == []  # a constant offset is no sound


def test_little_speech_noise_and_clipping_are_remarked():
    clip = talk(3)
    background = 0.05 * np.random.default_rng(1).standard_normal(len(clip))
    assert assess(talk(0.8), 16000)[0].startswith("only 0.")
    assert [note[:5] for note in assess(clip + background, 16000)] == ["noisy"]
    assert [note[:7] for note in assess(np.clip(clip, -0.05, 0.05), 16000)] == ["clipped"]


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (talk(0.2), "0.20 s is too short"),
        (np.zeros(32000), "is silent"),
        (talk(3) * 1e-6, "is silent"),
        (0.1 * np.random.default_rng(0).standard_normal(32000), "steady sound and no speech"),
        (np.concatenate([talk(0.25, seed=2), np.zeros(32000)]), "silent|of speech"),
        (np.full(32000, np.nan), "NaN"),
        (np.zeros(0), "no samples"),
    ],
)
def test_a_clip_that_nobody_can_be_enrolled_with_is_refused(clip, message):
    with pytest.raises(AudioError, match=message):
        assess(clip, 16000)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.05, 5), rate=st.sampled_from([8000, 16000, 44100, 48000]))
def test_the_verdict_depends_neither_on_level_nor_on_rate(gain, rate):
    assert assess(talk(3, rate) * gain, rate) == []
