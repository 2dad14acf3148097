"""Audio comes in whole, goes out whole, and says what is wrong with it."""

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from pse_runtime import audio
from pse_runtime.audio_blocks import AudioFormat, BlockReader, BlockWriter
from pse_runtime.resampling import ResampledStream

from pse_plugins.errors import AudioError

RNG = np.random.default_rng(0)


def noise(samples, channels=1):
    shape = samples if channels == 1 else (samples, channels)
    return (0.1 * RNG.standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("container", "encoding", "rate", "channels", "tolerance"),
    [
        ("WAV", "PCM_16", 16000, 1, 1e-4),
        ("WAV", "PCM_U8", 8000, 1, 1e-2),
        ("WAVEX", "PCM_24", 44100, 2, 1e-6),
        ("WAV", "FLOAT", 48000, 6, 0),
        ("WAV", "ULAW", 8000, 1, 2e-2),
        ("FLAC", "PCM_16", 22050, 3, 1e-4),
        ("AIFF", "PCM_16", 11025, 1, 1e-4),
    ],
)
def test_a_file_is_copied_block_by_block_as_it_is(tmp_path, container, encoding, rate, channels, tolerance):
    source, target = tmp_path / "in", tmp_path / "out"
    samples = noise(5001, channels)
    soundfile.write(source, samples, rate, encoding, format=container)
    with BlockReader(source) as reader, BlockWriter(target, reader.format) as writer:
        for block in reader.blocks(777):
            assert 1 <= len(block) <= 777
            writer.write(block)
    info, copy = soundfile.info(target), soundfile.read(target, always_2d=True)[0]
    assert (info.samplerate, info.channels, info.subtype) == (rate, channels, encoding)
    np.testing.assert_allclose(copy, samples.reshape(5001, channels), atol=tolerance)
    assert writer.clipped == 0


@pytest.mark.parametrize(("container", "encoding"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_a_lossy_file_keeps_its_format_and_length(tmp_path, container, encoding):
    soundfile.write(tmp_path / "in", noise(40000), 16000, encoding, format=container)
    with BlockReader(tmp_path / "in") as reader, BlockWriter(tmp_path / "out", reader.format) as writer:
        for block in reader.blocks(1000):
            writer.write(block)
    info = soundfile.info(tmp_path / "out")
    assert (info.frames, info.format, info.subtype) == (40000, container, encoding)


def test_small_blocks_of_a_long_file_are_the_file(tmp_path):
    samples = noise(600_000)
    soundfile.write(tmp_path / "a.wav", samples, 16000, "FLOAT")
    with BlockReader(tmp_path / "a.wav") as reader:
        blocks = list(reader.blocks(7001))
    assert max(map(len, blocks)) == 7001
    np.testing.assert_array_equal(np.concatenate(blocks)[:, 0], samples)


@pytest.mark.parametrize(
    ("source", "name", "container", "encoding"),
    [
        (("WAV", "PCM_U8"), "a.wav", "WAV", "PCM_U8"),
        (("WAVEX", "PCM_24"), "a.WAV", "WAVEX", "PCM_24"),
        (("WAV", "PCM_24"), "a.flac", "FLAC", "PCM_24"),
        (("WAV", "FLOAT"), "a.flac", "FLAC", "PCM_16"),
        (("WAV", "IMA_ADPCM"), "a.wav", "WAV", "PCM_16"),
        (("MP3", "MPEG_LAYER_III"), "a.wav", "WAV", "PCM_16"),
        (("OGG", "OPUS"), "a.ogg", "OGG", "OPUS"),
        (("WAV", "PCM_16"), "a.ogg", "OGG", "VORBIS"),
    ],
)
def test_the_output_keeps_what_its_suffix_allows(tmp_path, source, name, container, encoding):
    fmt = AudioFormat(16000, 1, *source).renamed(tmp_path / name)
    assert (fmt.container, fmt.encoding) == (container, encoding)


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.txt"])
def test_a_suffix_that_names_no_format_is_refused(tmp_path, name):
    with pytest.raises(AudioError, match=r"cannot write.*\.wav, \.flac"):
        AudioFormat(16000, 1, "WAV", "PCM_16").renamed(tmp_path / name)


def test_clipping_is_counted_and_level_is_not_touched(tmp_path):
    with BlockWriter(tmp_path / "a.wav", AudioFormat(8000, 1, "WAV", "PCM_16")) as writer:
        writer.write(np.array([0.5, 1.5, -2.0, 0.25], np.float32))
    assert writer.clipped == 2
    np.testing.assert_allclose(soundfile.read(tmp_path / "a.wav")[0], [0.5, 1, -1, 0.25], atol=1e-4)
    with BlockWriter(tmp_path / "b.wav", AudioFormat(8000, 1, "WAV", "FLOAT")) as writer:
        writer.write(np.array([0.5, 1.5], np.float32))
    assert writer.clipped == 0
    assert soundfile.read(tmp_path / "b.wav")[0][1] == 1.5


@pytest.mark.parametrize("error", [AudioError, KeyboardInterrupt])
def test_an_older_file_survives_an_error_and_an_interruption(tmp_path, error):
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")

    def write_half():
        with BlockWriter(target, AudioFormat(8000, 1, "WAV", "PCM_16")) as writer:
            writer.write(noise(100))
            raise error("stop")

    with pytest.raises(error):
        write_half()
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_a_target_that_is_no_file_is_left_alone(tmp_path):
    with pytest.raises(AudioError, match="not a file that can be replaced"):
        BlockWriter(tmp_path, AudioFormat(8000, 1, "WAV", "PCM_16"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioError, match="choose another --out"):
        BlockWriter(tmp_path / "file" / "a.wav", AudioFormat(8000, 1, "WAV", "PCM_16"))


def write_bad(folder, what):
    path = folder / "bad.wav"
    if what == "text":
        path.write_text("hello")
    elif what == "empty":
        soundfile.write(path, noise(0), 8000)
    elif what in ("nan", "inf"):
        soundfile.write(path, np.array([0, float(what), 0], np.float32), 8000, "FLOAT")
    elif what == "truncated":
        soundfile.write(folder / "whole.flac", noise(20000), 8000)
        path.write_bytes((folder / "whole.flac").read_bytes()[:9000])
    elif what == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "no such file; check the path"),
        ("folder", "no such file"),
        ("text", "not readable as audio"),
        ("empty", "holds no samples"),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
        ("truncated", "not readable|damaged|ends after"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path, what, message):
    path = write_bad(tmp_path, what)
    with pytest.raises(AudioError, match=message) as whole:
        audio.read(path)
    with pytest.raises(AudioError, match=message) as blocks, BlockReader(path) as reader:
        list(reader.blocks(1000))
    for error in (whole, blocks):
        assert "bad.wav" in str(error.value)
        assert "\n" not in str(error.value)


def test_read_averages_channels_and_resamples(tmp_path):
    samples = noise(4410, 2)
    soundfile.write(tmp_path / "a.wav", samples, 44100, "FLOAT")
    mono, rate = audio.read(tmp_path / "a.wav", 16000)
    assert rate == 16000
    np.testing.assert_allclose(mono, soxr.resample(samples.mean(1), 44100, 16000), atol=1e-6)
    part, rate = audio.read(tmp_path / "a.wav", start=100, frames=50)
    assert (rate, part.dtype) == (44100, np.float32)
    np.testing.assert_allclose(part, samples[100:150].mean(1), atol=1e-7)


@pytest.mark.parametrize("samples", [np.zeros((2, 3)), np.zeros(0), np.array([np.nan]), np.array([np.inf])])
def test_check_refuses_what_no_model_could_use(samples):
    with pytest.raises(AudioError, match="the clip"):
        audio.check(samples, "the clip")


def test_a_rate_must_be_positive():
    with pytest.raises(AudioError, match="must be a positive number of Hz"):
        audio.resample(noise(10), 0, 16000)
    with pytest.raises(AudioError, match="must be a positive number of Hz"):
        ResampledStream(Delay(1), 16000, 0)


class Delay:
    """A stream that holds some samples back, and gives them in the end."""

    def __init__(self, samples):
        self.samples, self.held = samples, np.zeros(0, np.float32)

    def feed(self, block):
        joined = np.concatenate([self.held, block])
        cut = max(0, len(joined) - self.samples)
        self.held = joined[cut:]
        return joined[:cut]

    def flush(self):
        rest, self.held = self.held, np.zeros(0, np.float32)
        return rest


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    inner=st.sampled_from([8000, 16000]),
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=12),
)
def test_a_resampled_stream_is_aligned_exact_and_as_long_as_its_input(rate, inner, sizes):
    signal = np.random.default_rng(1).standard_normal(sum(sizes)).astype(np.float32) * 0.1
    stream = ResampledStream(Delay(321), rate, inner)
    out = [stream.feed(block) for block in np.split(signal, np.cumsum(sizes)[:-1])]
    out = np.concatenate([*out, stream.flush()])
    expected = audio.resample(audio.resample(signal, rate, inner), inner, rate)
    expected = np.pad(expected, (0, max(0, len(signal) - len(expected))))[: len(signal)]
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, expected)


def test_the_delay_of_a_stream_is_what_a_listener_waits():
    stream = ResampledStream(Delay(300), 16000, 16000)
    for _ in range(20):
        stream.feed(noise(160))
    assert 300 <= stream.held <= 300 + 160


@pytest.mark.parametrize("rate", ["16000", None, object()])
def test_a_rate_that_is_no_number_is_named(rate):
    with pytest.raises(AudioError, match="must be a positive number of Hz, got (str|NoneType|object)"):
        audio.resample(np.zeros(8, np.float32), rate, 8000)


def test_whole_numbers_are_not_taken_for_full_scale():
    with pytest.raises(AudioError, match="divide by full scale"):
        audio.check(np.zeros(8, np.int16), "mixture")


def test_a_file_without_header_is_named(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(4000))
    with pytest.raises(AudioError, match="x.raw: not readable as audio"):
        audio.read(tmp_path / "x.raw")
