import builtins
import ctypes
import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pse_plugins.data import espeak as module
from pse_plugins.data.corpora import prepare_librispeech, prepare_speaker_folders
from pse_plugins.data.espeak import read_sentences, speak, synthesise_corpus
from pse_plugins.data.voices import cast_voices, crowd
from pse_plugins.errors import ConfigError, DataError

pytest.importorskip(
    "espeakng_loader", reason='the demo extra is not installed: pip install "pse-plugins[demo]"'
)


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return synthesise_corpus(tmp_path_factory.mktemp("speech"), voices=12, sentences=2, seed=3)


def test_voices_are_told_apart():
    """Long-term spectra of one voice's texts are nearer to each other than to those of other voices."""
    voices = cast_voices(60)["train"][:12]
    texts = read_sentences()[0]

    def spectrum(voice, texts):
        x = np.concatenate([speak(voice, text) for text in texts])
        frames = np.lib.stride_tricks.sliding_window_view(x, 512)[::256] * np.hanning(512)
        magnitude = np.abs(np.fft.rfft(frames))
        return np.log(magnitude[magnitude.sum(1) > 0.3 * magnitude.sum(1).mean()].mean(0) + 1e-3)

    first, second = (np.stack([spectrum(v, part) for v in voices]) for part in (texts[:3], texts[3:6]))
    distance = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert (distance.argmin(1) == np.arange(len(voices))).mean() >= 0.9


def test_corpus_is_laid_out_as_preparation_reads_it(corpus, tmp_path):
    for name, count in (("train", 8), ("valid", 2), ("test", 2)):
        found = prepare_librispeech(corpus, name, tmp_path / f"{name}.json")
        assert all(u.words and u.words == u.words.upper() and u.rate == 16000 for u in found)
        if name == "train":
            assert len({u.speaker for u in found}) == count
            assert len(prepare_speaker_folders(corpus / name, tmp_path / "any.json")) == len(found)


def test_held_out_voices_speak_held_out_sentences(corpus):
    train, held = read_sentences()
    assert not set(train) & set(held)
    words = " ".join(p.read_text() for p in (corpus / "test").rglob("*.trans.txt"))
    said = [s for s in train if "".join(c for c in s.upper() if c.isalpha() or c in " '") in words]
    assert not said


def test_recordings_are_audible_and_not_clipped(corpus):
    for file in list(corpus.rglob("*.flac"))[::5]:
        x, rate = soundfile.read(file)
        assert rate == 16000 and 1.0 < x.size / rate < 10.0
        assert np.abs(x).max() < 0.99 and 0.01 < np.sqrt(np.mean(x**2)) < 0.2


def test_same_seed_same_bytes_whatever_was_said_before(corpus, tmp_path):
    speak(crowd(1, 0)[0], "Something else.")
    assert fingerprint(synthesise_corpus(tmp_path, voices=12, sentences=2, seed=3)) == fingerprint(corpus)


def test_another_corpus_replaces_an_interrupted_one(tmp_path, monkeypatch):
    def interrupted(function, *arguments):
        function(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_alone", interrupted)
    with pytest.raises(KeyboardInterrupt):
        synthesise_corpus(tmp_path, voices=13, sentences=2, seed=8)
    monkeypatch.setattr(module, "run_alone", lambda function, *arguments: function(*arguments))
    synthesise_corpus(tmp_path, voices=12, sentences=2, seed=1)
    folders = {p.name for name in ("train", "valid", "test") for p in (tmp_path / name).iterdir()}
    assert folders == {v.id for voices in cast_voices(12, 1).values() for v in voices}


def test_another_corpus_does_not_replace_one_that_is_whole(corpus):
    before = fingerprint(corpus)
    with pytest.raises(
        DataError, match=r"has 12 voices of 2 sentences .*, not 13 voices of 2 .* not replaced"
    ):
        synthesise_corpus(corpus, voices=13, sentences=2, seed=3)
    assert fingerprint(corpus) == before


def test_somebody_elses_list_of_speakers_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "run_alone", lambda *a: pytest.fail("written"))
    (tmp_path / "SPEAKERS.TXT").write_text("14 | F | train | a person\n")
    with pytest.raises(DataError, match=r"SPEAKERS\.TXT is not of synthetic voices"):
        synthesise_corpus(tmp_path, voices=12, sentences=2)


def test_a_failure_of_the_synthesising_process_is_one_line():
    with pytest.raises(
        DataError, match=r"could not be made: 7 voices|could not be made: .*7 voices"
    ) as caught:
        module.run_alone(cast_voices, 7)
    assert "\n" not in str(caught.value)


def test_what_is_there_is_not_made_again(corpus, monkeypatch):
    monkeypatch.setattr(module, "run_alone", lambda *a: pytest.fail("spoke again"))
    assert synthesise_corpus(corpus, voices=12, sentences=2, seed=3) == corpus


def test_a_missing_synthesiser_names_the_extra(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "espeakng_loader":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match=r'pip install "pse-plugins\[demo\]"'):
        module.Espeak()


def test_an_unloadable_library_names_the_extra(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: (_ for _ in ()).throw(OSError("wrong ELF class")))
    with pytest.raises(DataError, match=r"wrong ELF class.*pse-plugins\[demo\]"):
        module.Espeak()


@pytest.mark.parametrize(
    "options", [{"voices": 11}, {"voices": 1001}, {"sentences": 1}, {"sentences": 31}, {"rate": 100}]
)
def test_options_out_of_range(tmp_path, options):
    with pytest.raises(ConfigError, match="cannot be made"):
        synthesise_corpus(tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()
