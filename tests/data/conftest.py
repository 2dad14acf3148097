"""A tiny corpus on disk, in the layouts of LibriSpeech and of ESC."""

import numpy as np
import pytest
import soundfile

RATE = 8000


def talk(rng, seconds, rate=RATE):
    """Make bursts of coloured noise of about 0.4 s with pauses of 0.3 s, int16 [S]: speech enough for levels."""
    samples = np.cumsum(rng.standard_normal(round(seconds * rate)))
    samples = np.diff(samples, prepend=0.0) * 3000
    time = np.arange(samples.size) / rate
    return np.where((time % 0.7) < 0.4, samples, samples * 1e-4).clip(-32000, 32000).astype(np.int16)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """``LibriSpeech/{train-clean-100,test-other}`` with 6 and 4 speakers, ``noise`` with five folds of two sources."""
    root, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    subsets = {
        "train-clean-100": ["19", "26", "374", "1553", "103", "289"],
        "test-other": ["1", "2", "3", "4"],
    }
    for subset, speakers in subsets.items():
        for n, speaker in enumerate(speakers):
            folder = root / "LibriSpeech" / subset / speaker / "7"
            folder.mkdir(parents=True)
            ids = [f"{speaker}-7-{k:04d}" for k in range(3 if n < 2 else 1)]
            for id in ids:
                soundfile.write(folder / f"{id}.flac", talk(rng, 6 + n), RATE)
            lines = [f"{id} WORDS OF {id}" for id in ids]
            (folder / f"{speaker}-7.trans.txt").write_text("\n".join(lines) + "\n")
    for fold in range(1, 6):
        for source in ("100", "200"):
            for take in "AB":
                path = root / "noise" / "rain" / f"{fold}-{fold}{source}-{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                length = RATE // 2 if take == "A" else 5 * RATE
                soundfile.write(path, (rng.standard_normal(length) * 2000).astype(np.int16), RATE)
    return root


@pytest.fixture(scope="session")
def utterances(corpus, tmp_path_factory):
    """The test-other subset as records."""
    from pse_plugins.data.corpora import prepare_librispeech

    save = tmp_path_factory.mktemp("save")
    return prepare_librispeech(corpus / "LibriSpeech", "test-other", save / "test-other.json")


@pytest.fixture(scope="session")
def noises(corpus, tmp_path_factory):
    """The noise folder as records."""
    from pse_plugins.data.corpora import prepare_noise

    return prepare_noise(corpus / "noise", tmp_path_factory.mktemp("save") / "noise.json")


@pytest.fixture(scope="session")
def make_dataset(utterances, noises):
    """Make a dataset with small defaults: ``make_dataset(seed=1, scenarios={...})``."""
    from pse_plugins.data import MixtureDataset, NoisePool, SpeechPool

    def make(speeds=(1.0,), enrolment_rate=None, **options):
        pool = SpeechPool(utterances, RATE, enrolment_rate=enrolment_rate, speeds=speeds)
        return MixtureDataset(
            pool, NoisePool(noises, RATE), **{"size": 40, "seed": 1, "segment": 2.0, **options}
        )

    return make
