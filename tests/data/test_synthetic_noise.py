import numpy as np
import pytest
import soundfile

from pse_plugins.data import synthetic_noise
from pse_plugins.data.corpora import choose_noise, prepare_noise
from pse_plugins.data.embedded import embedded_sets
from pse_plugins.data.synthetic_noise import FOLDS, NOISES, Draw, synthesise_noise
from pse_plugins.errors import ConfigError, DataError

COMPUTED = [kind for kind in NOISES if kind != "babble"]


def make(kind, fold=1, number=0, seed=0, samples=32000):
    return NOISES[kind](Draw(seed, fold, number, kind), samples, 16000)


@pytest.mark.parametrize("kind", COMPUTED)
def test_each_kind_is_noise_and_repeats(kind):
    x = make(kind)
    assert x.shape == (32000,) and np.isfinite(x).all() and x.std() > 1e-4
    np.testing.assert_array_equal(x, make(kind))
    for other in (make(kind, fold=2), make(kind, number=1), make(kind, seed=1)):
        assert abs(np.corrcoef(x, other)[0, 1]) < 0.5


def test_folds_share_no_parameter():
    drawn = [{round(Draw(0, fold, n, "hum")(0, 1), 12) for n in range(50)} for fold in range(1, FOLDS + 1)]
    slices = [{int(value * 4 * FOLDS) % FOLDS for value in values} for values in drawn]
    assert slices == [{fold} for fold in range(FOLDS)]


def test_kinds_differ_in_spectrum():
    def centroid(x):
        power = np.abs(np.fft.rfft(x)) ** 2
        return (np.fft.rfftfreq(x.size, 1 / 16000) * power).sum() / power.sum()

    assert centroid(make("hum")) < 500 < 1000 < centroid(make("rain"))
    assert (
        np.abs(make("clicks")).max() / make("clicks").std()
        > 8
        > np.abs(make("coloured")).max() / make("coloured").std()
    )


def test_files_are_named_by_fold_and_read_by_preparation(tmp_path):
    folder = synthesise_noise(tmp_path / "noise", kinds=["hum", "rain"], per_kind=1, seconds=1)
    noises = prepare_noise(folder, tmp_path / "noise.json")
    assert len(noises) == len({n.speaker for n in noises}) == 2 * FOLDS
    assert {n.speaker.split("-")[0] for n in choose_noise(noises, [FOLDS])} == {str(FOLDS)}
    for noise in noises:
        x, rate = soundfile.read(noise.path)
        assert rate == 16000 and x.size == 16000 and 0.005 < x.std() < 0.1 and np.abs(x).max() < 1


def test_same_seed_same_bytes_and_no_second_work(tmp_path, monkeypatch):
    options = {"kinds": ["clicks"], "per_kind": 1, "seconds": 1}
    files = [sorted(synthesise_noise(tmp_path / n, **options).rglob("*.flac")) for n in ("a", "b")]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    monkeypatch.setattr(synthetic_noise, "_write_noise", lambda *a: pytest.fail("made again"))
    synthesise_noise(tmp_path / "a", **options)
    with pytest.raises(DataError, match=r"has 1 kinds of 1 noises a fold \(1 s, seed 0, .*, not .*seed 1"):
        synthesise_noise(tmp_path / "a", **options, seed=1)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'rain'"):
        synthesise_noise(tmp_path, kinds=["rains"])
    with pytest.raises(ConfigError, match="1 to 600 seconds"):
        synthesise_noise(tmp_path, seconds=0)


def test_embedded_sets_share_no_voice_and_no_noise(tmp_path, monkeypatch):
    pytest.importorskip("espeakng_loader", reason='pip install "pse-plugins[demo]"')
    from pse_plugins.data import embedded

    monkeypatch.setattr(
        embedded,
        "make_embedded",
        lambda folder, voices, seed, rate, sentences: tiny(tmp_path / "corpus", seed, rate),
    )
    sets = embedded_sets(
        data_folder=str(tmp_path / "corpus"), save_folder=str(tmp_path / "save"), epoch_size=4
    )
    speakers = [set(part.speech.speakers) for part in (sets.train, sets.valid, sets.test)]
    noises = [set(part.noise.ids) for part in (sets.train, sets.valid, sets.test)]
    for group in (speakers, noises):
        assert all(group) and not (group[0] & group[1] or group[0] & group[2] or group[1] & group[2])
    assert sets.test[0].mixture.std() > 0
    again = embedded_sets(
        data_folder=str(tmp_path / "corpus"), save_folder=str(tmp_path / "save"), epoch_size=4
    )
    np.testing.assert_array_equal(sets.train[1].mixture, again.train[1].mixture)


def tiny(folder, seed, rate):
    from pse_plugins.data.espeak import synthesise_corpus

    synthesise_corpus(folder / "speech", voices=12, sentences=2, seed=seed, rate=rate)
    synthesise_noise(folder / "noise", kinds=["hum", "babble"], per_kind=1, seconds=1, seed=seed, rate=rate)
    return folder
