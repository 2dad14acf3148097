"""``pse enrol`` and ``pse enhance``, as a user meets them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_plugins import put as put_plugin
from rig import RATE, ROOT, model, pse, put, talk, tiny

from pse_plugins import bundle
from pse_plugins.host import get_host
from pse_plugins.profile import Profile


@pytest.fixture
def clip(tmp_path):
    return put(tmp_path / "clip.wav", talk(3, seed=9))


@pytest.fixture
def mixture(tmp_path):
    return put(tmp_path / "mix.wav", talk(2), subtype="FLOAT")


def enhance(*args, **kwargs):
    return pse("enhance", *args, "--model", model(**kwargs))


def offline(samples, rate, clips):
    enhancer = bundle.load(model())
    profile = enhancer.enrol(clips, RATE)
    return enhancer.enhance(samples.astype(np.float32), rate, profile)


def test_a_file_is_enhanced_as_offline(tmp_path, clip, mixture):
    out = tmp_path / "new" / "out.wav"
    result = enhance(mixture, "--enrol", clip, "--out", out)
    assert result.code == 0, result.err
    assert f"wrote {out}" in result.err
    got, rate = soundfile.read(out)
    expected = offline(soundfile.read(mixture)[0], RATE, [soundfile.read(clip)[0]])
    assert rate == RATE
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert np.abs(got).max() > 1e-3


@pytest.mark.parametrize(
    ("rate", "channels", "suffix", "subtype"),
    [(44100, 2, ".wav", "PCM_24"), (8000, 1, ".wav", "PCM_U8"), (48000, 1, ".flac", "PCM_16")],
)
def test_any_rate_format_and_channels_come_out_as_they_went_in(
    tmp_path, clip, rate, channels, suffix, subtype
):
    samples = np.stack([talk(1.234, rate, seed=c) * (c + 1) for c in range(channels)], 1)
    source = put(tmp_path / f"mix{suffix}", samples, rate, subtype=subtype)
    out = tmp_path / f"out{suffix}"
    assert enhance(source, "--enrol", clip, "--out", out).code == 0
    before, after = soundfile.info(source), soundfile.info(out)
    for field in ("frames", "samplerate", "channels", "format", "subtype"):
        assert getattr(before, field) == getattr(after, field)
    read = soundfile.read(source, always_2d=True)[0]
    tolerance = 2e-2 if subtype == "PCM_U8" else 1e-4
    for c in range(channels):
        expected = offline(read[:, c], rate, [soundfile.read(clip)[0]])
        np.testing.assert_allclose(soundfile.read(out, always_2d=True)[0][:, c], expected, atol=tolerance)


def test_a_profile_stands_for_its_clips(tmp_path, clip, mixture):
    second = put(tmp_path / "b.wav", talk(3, 16000, seed=4), 16000)
    made = pse("enrol", clip, second, "--out", tmp_path / "me.profile", "--model", model())
    assert made.code == 0, made.err
    profile = Profile.load(tmp_path / "me.profile")
    assert profile.encoder == "d-vector"
    assert profile.cue.tokens.shape[1] == 2
    one = enhance(mixture, "--enrol", tmp_path / "me.profile", "--out", tmp_path / "1.wav")
    two = enhance(mixture, "--enrol", clip, "--enrol", second, "--out", tmp_path / "2.wav")
    assert (one.code, two.code) == (0, 0)
    np.testing.assert_array_equal(
        soundfile.read(tmp_path / "1.wav")[0], soundfile.read(tmp_path / "2.wav")[0]
    )


def test_profiles_and_clips_can_be_given_together(tmp_path, clip, mixture):
    second = put(tmp_path / "b.wav", talk(2, seed=4))
    pse("enrol", clip, "--out", tmp_path / "me.profile", "--model", model())
    mixed = enhance(
        mixture, "--enrol", tmp_path / "me.profile", "--enrol", second, "--out", tmp_path / "1.wav"
    )
    both = enhance(mixture, "--enrol", clip, "--enrol", second, "--out", tmp_path / "2.wav")
    assert (mixed.code, both.code) == (0, 0)
    np.testing.assert_allclose(
        soundfile.read(tmp_path / "1.wav")[0], soundfile.read(tmp_path / "2.wav")[0], atol=1e-5
    )


def test_the_speaker_matters(tmp_path, clip, mixture):
    other = put(tmp_path / "b.wav", np.sin(np.arange(24000) * 0.3) * talk(3) * 5)
    enhance(mixture, "--enrol", clip, "--out", tmp_path / "1.wav")
    enhance(mixture, "--enrol", other, "--out", tmp_path / "2.wav")
    difference = soundfile.read(tmp_path / "1.wav")[0] - soundfile.read(tmp_path / "2.wav")[0]
    assert np.abs(difference).max() > 1e-6


def test_remarks_on_a_clip_name_the_file(tmp_path, mixture):
    poor = put(tmp_path / "poor.wav", np.clip(talk(0.8) * 20, -1, 1))
    result = enhance(mixture, "--enrol", poor, "--out", tmp_path / "out.wav")
    assert result.code == 0
    assert f"{poor}: only 0." in result.err
    assert f"{poor}: clipped" in result.err


def test_a_recording_that_is_cut_off_is_said_to_be(tmp_path, clip, mixture):
    half = tmp_path / "half.wav"
    half.write_bytes(Path(mixture).read_bytes()[:9000])
    result = pse("enhance", half, "--enrol", clip, "--out", tmp_path / "o.wav", "--model", model())
    assert result.code == 0
    assert "half.wav: is cut off" in result.err
    whole = pse("enhance", mixture, "--enrol", clip, "--out", tmp_path / "w.wav", "--model", model())
    assert "cut off" not in whole.err


def test_a_broken_plugin_beside_it_is_named_and_stops_nothing(tmp_path, clip, mixture, monkeypatch, caplog):
    (tmp_path / "site").mkdir()
    put_plugin(tmp_path / "site", "pse-fake-broken", "import does_not_exist", version="0.3")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    get_host.cache_clear()
    result = pse("enhance", mixture, "--enrol", clip, "--out", tmp_path / "o.wav", "--model", model())
    get_host.cache_clear()
    assert result.code == 0 and (tmp_path / "o.wav").is_file()
    assert "skipped plugin pse-fake-broken 0.3" in caplog.text and "pip install does-not-exist" in caplog.text


def test_a_folder_is_searched_and_kept_in_shape(tmp_path, clip):
    for name in ("in/a.wav", "in/deep/b.flac", "in/.hidden/c.wav", "in/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path / name, talk(0.5), format="FLAC" if name.endswith("flac") else "WAV")
    for _ in range(2):  # the second time, the results of the first lie inside and are left alone
        result = enhance(tmp_path / "in", "--enrol", clip, "--out", tmp_path / "in" / "out")
        assert result.code == 0, result.err
        made = sorted(
            str(p.relative_to(tmp_path / "in/out")) for p in (tmp_path / "in/out").rglob("*") if p.is_file()
        )
        assert made == ["a.wav", "deep/b.flac"]


def test_a_bad_file_does_not_stop_the_others(tmp_path, clip, mixture):
    bad = tmp_path / "bad.wav"
    bad.write_text("hello")
    result = enhance(bad, tmp_path / "gone.wav", mixture, "--enrol", clip, "--out", tmp_path / "out")
    assert result.code == 2
    assert "bad.wav: not readable" in result.err
    assert "gone.wav: no such file" in result.err
    assert "2 of 3 files" in result.err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mix.wav"]


def test_silence_stays_silence_and_is_said(tmp_path, clip):
    source = put(tmp_path / "silent.wav", np.zeros(8000))
    result = enhance(source, "--enrol", clip, "--out", tmp_path / "out.wav")
    assert result.code == 0
    assert "nothing but silence" in result.err
    assert not soundfile.read(tmp_path / "out.wav")[0].any()


def test_a_model_without_a_cue_takes_no_enrolment(tmp_path, clip, mixture):
    result = enhance(mixture, "--out", tmp_path / "1.wav", conditioner=None)
    assert result.code == 0, result.err
    assert soundfile.info(tmp_path / "1.wav").frames == 2 * RATE
    unused = enhance(mixture, "--enrol", clip, "--out", tmp_path / "2.wav", conditioner=None)
    assert unused.code == 0
    assert "does not use it" in unused.err
    refused = pse("enrol", clip, "--out", tmp_path / "me.profile", "--model", model(conditioner=None))
    assert refused.code == 2
    assert "needs no enrolment, and takes no profile" in refused.err
    assert refused.err.count("\n") == 1 and "without --enrol" in refused.err


def test_a_backbone_that_cannot_stream_still_enhances_files(tmp_path, clip, mixture, monkeypatch):
    from pse_plugins.backbones.gru import Gru

    enhance(mixture, "--enrol", clip, "--out", tmp_path / "1.wav")
    monkeypatch.setattr(Gru, "can_stream", False)
    result = enhance(mixture, "--enrol", clip, "--out", tmp_path / "2.wav")
    assert result.code == 0, result.err
    np.testing.assert_allclose(
        soundfile.read(tmp_path / "1.wav")[0], soundfile.read(tmp_path / "2.wav")[0], atol=1e-4
    )
    refused = pse("stream", mixture, "--enrol", clip, "--model", model())
    assert refused.code == 2
    assert "cannot stream; use `pse enhance`" in refused.err


def test_clipped_samples_are_reported(tmp_path, clip, monkeypatch):
    from pse_plugins.stream import Stream

    monkeypatch.setattr(Stream, "feed", lambda self, block: block * 30)
    monkeypatch.setattr(Stream, "flush", lambda self: np.zeros(0, np.float32))
    source = put(tmp_path / "mix.wav", talk(0.5))
    result = enhance(source, "--enrol", clip, "--out", tmp_path / "out.wav")
    assert result.code == 0
    assert "samples were too loud for the file and are clipped" in result.err


def bad_inputs(folder):
    """Name each bad input: arguments and what the message must say."""
    clip, mix = put(folder / "c.wav", talk(3)), put(folder / "m.wav", talk(1))
    text = folder / "text.wav"
    text.write_text("hello")
    (folder / "nothing").mkdir()
    (folder / "twin").mkdir()
    twin = put(folder / "twin" / "m.wav", talk(1))
    nan = talk(1)
    nan[5000] = np.nan
    out = ["--out", folder / "out.wav"]
    who = ["--enrol", clip, *out]
    bad_clips = {
        "short": put(folder / "short.wav", talk(0.2)),
        "silent": put(folder / "silent.wav", np.zeros(24000)),
        "steady": put(folder / "steady.wav", np.sin(np.arange(24000) * 0.3)),
        "empty": put(folder / "empty.wav", np.zeros(0)),
        "nan": put(folder / "nan.wav", nan, subtype="FLOAT"),
    }
    other = folder / "other.profile"
    pse("enrol", clip, "--out", other, "--model", model(hidden=4))
    broken = folder / "broken.profile"
    broken.write_bytes(other.read_bytes()[:200])
    return {
        "missing": ([folder / "no.wav", *who], "no such file or folder; check the path"),
        "unreadable": ([text, *who], "not readable as audio"),
        "empty": ([bad_clips["empty"], *who], "holds no samples"),
        "nan": ([bad_clips["nan"], *who], "NaN or infinite"),
        "empty-folder": (
            [folder / "nothing", "--enrol", clip, "--out", folder / "o"],
            "no audio in this folder",
        ),
        "no-enrolment": ([mix, *out], "no enrolment; give 1 to 5 clips"),
        "six": ([mix, *["--enrol", clip] * 6, *out], "6 enrolment clips; give 1 to 5"),
        "missing-clip": ([mix, "--enrol", folder / "no.wav", *out], "no.wav: no such file"),
        "short-clip": ([mix, "--enrol", bad_clips["short"], *out], "short.wav: an enrolment clip of 0.20 s"),
        "silent-clip": (
            [mix, "--enrol", bad_clips["silent"], *out],
            "silent.wav: an enrolment clip is silent",
        ),
        "steady-clip": ([mix, "--enrol", bad_clips["steady"], *out], "no speech"),
        "empty-clip": ([mix, "--enrol", bad_clips["empty"], *out], "holds no samples"),
        "nan-clip": ([mix, "--enrol", bad_clips["nan"], *out], "NaN or infinite"),
        "other-encoder": ([mix, "--enrol", other, *out], "other.profile: this profile was made with"),
        "broken-profile": ([mix, "--enrol", broken, *out], "damaged"),
        "forgotten-enrol": ([mix, clip, "--enrol", clip, *out], "write --enrol before each enrolment clip"),
        "suffix": ([mix, "--enrol", clip, "--out", folder / "out.xyz"], "cannot write '.xyz'"),
        "overwrite": ([mix, "--enrol", clip, "--out", mix], "would replace an input"),
        "overwrite-folder": ([mix, "--enrol", clip, "--out", folder], "would replace an input"),
        "same-name": ([mix, twin, "--enrol", clip, "--out", folder / "o"], "would hold the results of"),
        "device": ([mix, *who, "--device", "gpu"], "no device 'gpu' here"),
    }


CASES = [
    "missing", "unreadable", "empty", "nan", "empty-folder", "no-enrolment", "six", "missing-clip", "short-clip",
    "silent-clip", "steady-clip", "empty-clip", "nan-clip", "other-encoder", "broken-profile", "forgotten-enrol",
    "suffix", "overwrite", "overwrite-folder", "same-name", "device",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_written(tmp_path, case):
    args, message = bad_inputs(tmp_path)[case]
    before = sorted(p.name for p in tmp_path.iterdir())
    result = enhance(*args)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "o") == before


def test_no_case_is_forgotten(tmp_path):
    assert sorted(bad_inputs(tmp_path)) == sorted(CASES)


@pytest.mark.parametrize("name", ["me.wav", "."])
def test_a_profile_is_not_written_over_a_recording(tmp_path, clip, name):
    result = pse("enrol", clip, "--out", tmp_path / name, "--model", model())
    assert result.code == 2
    assert "not a name for a profile" in result.err


def test_what_is_attended_to_is_drawn(tmp_path, clip, mixture):
    picture = tmp_path / "new" / "attention.png"
    given = [mixture, "--enrol", clip, "--out", tmp_path / "out.wav", "--attention"]
    assert enhance(*given, picture, conditioner="cross-attention").code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    result = enhance(*given, tmp_path / "film.png")
    assert result.code == 2 and "the conditioner is film, not cross-attention" in result.err
    assert not (tmp_path / "film.png").exists()


def test_a_drawing_that_cannot_be_is_refused_before_the_work(tmp_path, clip, mixture):
    given = [mixture, "--out", tmp_path / "out.wav", "--attention"]
    result = pse("enhance", *given, tmp_path / "attention", "--enrol", clip, "--model", "/nowhere")
    assert "attention: is drawn as .png, .pdf, .svg; let the name end in one" in result.err
    assert result.code == 2 and result.err.count("\n") == 1, "before the model is looked for"
    result = enhance(*given, tmp_path / "a.png", conditioner=None)
    assert "this model takes no enrolment, so nothing in it attends to one" in result.err
    assert result.code == 2 and not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("bundle_is", ["missing", "empty", "truncated", "newer"])
def test_a_bad_model_is_one_line(tmp_path, clip, mixture, bundle_is):
    folder = tmp_path / "model"
    if bundle_is == "empty":
        folder.mkdir()
    elif bundle_is != "missing":
        bundle.save(tiny(), folder)
    if bundle_is == "truncated":
        (folder / bundle.WEIGHTS).write_bytes(b"")
    if bundle_is == "newer":
        (folder / bundle.CONFIG).write_text('{"format": 99}')
    result = pse("enhance", mixture, "--enrol", clip, "--out", tmp_path / "o.wav", "--model", folder)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert not (tmp_path / "o.wav").exists()


def test_a_full_disk_leaves_the_older_result(tmp_path, clip):
    source = put(tmp_path / "mix.wav", talk(2))
    (tmp_path / "out.wav").write_bytes(b"older")
    code = (
        "import resource, sys; from pse_plugins import cli\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "sys.exit(cli.run(sys.argv[1:]))"
    )
    args = ["enhance", source, "--enrol", clip, "--out", tmp_path / "out.wav", "--model", model()]
    result = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "free some disk space; nothing was replaced" in result.stderr
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "out.wav").read_bytes() == b"older"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.wav", "mix.wav", "out.wav"]


@pytest.mark.slow
def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path, clip):
    peaks = {}
    code = (
        "import resource, sys; from pse_plugins import cli; code = cli.run(sys.argv[1:])\n"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    for minutes in (1, 60):
        source = tmp_path / f"{minutes}.wav"
        minute = talk(60)
        with soundfile.SoundFile(source, "w", RATE, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(minute)
        args = ["enhance", source, "--enrol", clip, "--out", tmp_path / "out.wav", "--model", model()]
        result = subprocess.run(
            [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, check=True
        )
        exit_code, peak = result.stdout.split()
        assert exit_code == "0", result.stderr
        assert soundfile.info(tmp_path / "out.wav").frames == minutes * 60 * RATE
        peaks[minutes] = int(peak) / 1024  # MiB
    assert peaks[60] < peaks[1] + 200, peaks
