import json
import shutil
from collections import Counter
from inspect import signature

import numpy as np
import pytest
import soundfile

from pse_plugins.data import read_manifest, write_manifest
from pse_plugins.data.corpora import (
    choose_noise,
    divide_noise,
    hold_out,
    prepare_librispeech,
    prepare_noise,
    prepare_speaker_folders,
)
from pse_plugins.data.embedded import embedded_sets
from pse_plugins.data.sets import folder_sets, librispeech_sets
from pse_plugins.data.split import TRAIN_CLEAN_100, draw_split, speaker_split
from pse_plugins.errors import AudioError, ComponentError, DataError
from pse_plugins.signatures import check_options


def test_librispeech_is_described_with_transcripts(utterances):
    assert Counter(u.speaker for u in utterances) == {"1": 3, "2": 3, "3": 1, "4": 1}
    assert utterances[0].id == "1-7-0000"
    assert utterances[0].words == "WORDS OF 1-7-0000"
    assert utterances[0].seconds == 6


def test_a_manifest_names_no_absolute_path_and_moves(utterances, corpus, tmp_path):
    path = write_manifest(tmp_path / "m.json", utterances)
    entries = json.loads(path.read_text())
    assert {e["wav"].split("/")[0] for e in entries.values()} == {"{data_root}"}
    assert str(corpus) not in path.read_text()
    moved = shutil.copytree(corpus / "LibriSpeech", tmp_path / "elsewhere")
    again = read_manifest(path, moved)
    assert [u.id for u in again] == [u.id for u in utterances]
    assert all(u.path.is_file() and u.path.is_relative_to(moved) for u in again)


def test_speechbrain_reads_a_manifest(utterances, corpus, tmp_path):
    from speechbrain.dataio.dataset import DynamicItemDataset

    path = write_manifest(tmp_path / "m.json", utterances)
    dataset = DynamicItemDataset.from_json(
        path, {"data_root": str(corpus / "LibriSpeech")}, [], ["id", "wav", "spk_id"]
    )
    assert dataset[0] == {"id": "1-7-0000", "wav": str(utterances[0].path), "spk_id": "1"}


def test_preparing_again_writes_only_when_files_changed(corpus, tmp_path):
    root = shutil.copytree(corpus / "LibriSpeech", tmp_path / "L")
    manifest = tmp_path / "m.json"
    first = prepare_librispeech(root, "test-other", manifest)
    stamp = manifest.stat().st_mtime_ns
    assert prepare_librispeech(root, "test-other", manifest) == first
    assert manifest.stat().st_mtime_ns == stamp
    soundfile.write(root / "test-other/3/7/3-7-0001.flac", np.ones(8000, np.int16), 8000)
    second = prepare_librispeech(root, "test-other", manifest)
    assert len(second) == len(first) + 1 and second[-2].words == ""  # 3-7-0001
    with (root / "test-other/3/7/3-7.trans.txt").open("a") as transcripts:
        transcripts.write("3-7-0001 SAID LATER\n")
    assert prepare_librispeech(root, "test-other", manifest)[-2].words == "SAID LATER"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"a": {}}', '{"a": 3}', '{"a": {"wav": 1, "spk_id": 1}}']
)
def test_what_is_not_a_manifest_is_refused(content, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"m\.json: not a.*pse data"):
        read_manifest(path, tmp_path)
    with pytest.raises(DataError, match="no such manifest"):
        read_manifest(tmp_path / "absent.json", tmp_path)


def test_a_missing_subset_names_those_there(corpus, tmp_path):
    with pytest.raises(DataError, match="there: test-other, train-clean-100"):
        prepare_librispeech(corpus / "LibriSpeech", "dev-clean", tmp_path / "m.json")
    with pytest.raises(DataError, match="no recordings"):
        prepare_noise(tmp_path, tmp_path / "m.json")


def test_a_file_that_is_no_audio_is_named(tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "a.wav").write_bytes(b"not audio")
    with pytest.raises(AudioError, match=r"a\.wav"):
        prepare_speaker_folders(tmp_path, tmp_path / "m.json")


def test_any_folder_of_speakers_will_do(corpus, tmp_path):
    root = tmp_path / "people"
    for n, name in enumerate(("ann/a", "ann/trip/b", "bob/a")):
        path = root / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(100 * (n + 1), 0.1), 8000)
    (root / "ann" / "a.txt").write_text("hello\nthere ")
    found = prepare_speaker_folders(root, tmp_path / "m.json")
    assert [(u.id, u.speaker, u.samples, u.words) for u in found] == [
        ("ann-a", "ann", 100, "hello there"),
        ("ann-trip-b", "ann", 200, ""),
        ("bob-a", "bob", 300, ""),
    ]
    soundfile.write(root / "stray.wav", np.full(100, 0.1), 8000)
    with pytest.raises(DataError, match="no speaker's folder"):
        prepare_speaker_folders(root, tmp_path / "m.json")
    (root / "stray.wav").unlink()
    soundfile.write(root / "ann" / "a.flac", np.full(100, 0.1), 8000)
    with pytest.raises(DataError, match="rename"):
        prepare_speaker_folders(root, tmp_path / "m.json")


def test_noise_of_one_source_stays_together(noises):
    assert Counter(n.speaker for n in noises) == {f"{f}-{f}{s}": 2 for f in range(1, 6) for s in (100, 200)}
    train, test = divide_noise(noises, ((1, 2, 3, 4), (5,)))
    fit, valid = hold_out(train, 0.1, seed=3)
    parts = [{n.speaker for n in part} for part in (fit, valid, test)]
    assert [len(p) for p in parts] == [7, 1, 2]
    assert len(set.union(*parts)) == 10
    assert {n.path.name[0] for n in test} == {"5"}
    assert hold_out(train, 0.1, seed=3) == (fit, valid)


def test_other_noise_corpora_are_divided_by_folder_or_at_random(tmp_path):
    for name in ("noise/free-sound/n1", "noise/free-sound/n2", "noise/sound-bible/n3", "music/fma/m1"):
        path = tmp_path / "musan" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(100, 0.1), 8000)
    found = prepare_noise(tmp_path / "musan", tmp_path / "m.json")
    assert len(choose_noise(found, subfolders=["noise"])) == 3
    train, test = divide_noise(found, ((1, 2), (5,)), (["noise/free-sound"], ["noise/sound-bible"]))
    assert [len(train), len(test)] == [2, 1]
    train, test = divide_noise(found, ((1, 2), (5,)), share=0.25)
    assert [len(train), len(test)] == [3, 1]
    assert not {n.id for n in train} & {n.id for n in test}
    with pytest.raises(DataError, match="overlap"):
        divide_noise(found, subfolders=(["noise"], ["sound-bible"]))
    with pytest.raises(DataError, match="no noise in folds"):
        choose_noise(found, folds=[7])


def test_the_global_split_is_what_every_recipe_uses():
    lists = json.loads(TRAIN_CLEAN_100.read_text())
    parts = [set(lists[name]) for name in ("train", "valid", "test")]
    assert [len(p) for p in parts] == [211, 20, 20]
    assert len(set.union(*parts)) == 251
    assert {"19", "26", "27"} <= parts[0]


def test_a_drawn_split_is_disjoint_balanced_and_the_same_for_a_seed():
    speakers = [f"s{k}" for k in range(30)]
    sex = {s: "FM"[k % 2] for k, s in enumerate(speakers)}
    split = draw_split(speakers, 4, seed=5, keep=["s0"], groups=sex)
    assert split == draw_split(speakers[::-1], 4, seed=5, keep=["s0"], groups=sex)
    assert {k: len(v) for k, v in split.items()} == {"train": 22, "valid": 4, "test": 4}
    assert set.union(*map(set, split.values())) == set(speakers)
    assert "s0" in split["train"]
    assert (
        Counter(sex[s] for s in split["valid"]) == Counter(sex[s] for s in split["test"]) == {"F": 2, "M": 2}
    )
    assert split != draw_split(speakers, 4, seed=6, keep=["s0"], groups=sex)


def test_too_few_speakers_and_a_foreign_corpus_are_refused(utterances, caplog):
    with pytest.raises(DataError, match="too few"):
        speaker_split(utterances, None, held=2)
    with pytest.raises(DataError, match="give the whole corpus"):
        speaker_split(utterances, TRAIN_CLEAN_100)


def _sets(corpus, tmp_path, **options):
    small = {
        "rate": 8000,
        "epoch_size": 8,
        "valid_size": 4,
        "test_size": 4,
        "seed": 1,
        "law": {"segment": 2.0},
    }
    folders = {"noise_folder": str(corpus / "noise"), "save_folder": str(tmp_path)}
    return librispeech_sets(data_folder=str(corpus / "LibriSpeech"), **{**small, **folders, **options})


def test_a_noise_folder_that_holds_the_speech_is_refused(corpus, tmp_path):
    above = str(corpus)
    with pytest.raises(
        DataError, match=f"{above} holds .* recordings of the speech, too, such as .*; name the folder"
    ):
        _sets(corpus, tmp_path, noise_folder=above)
    with pytest.raises(DataError, match="recordings of the speech, too"):
        folder_sets(
            data_folder=str(corpus / "noise"),
            noise_folder=above,
            save_folder=str(tmp_path / "b"),
            held_speakers=1,
        )


def test_no_speaker_and_no_noise_is_in_two_sets(corpus, tmp_path, monkeypatch):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["19", "26"], "valid": ["374", "1553"], "test": ["103", "289"]}))
    monkeypatch.setattr("pse_plugins.data.sets.TRAIN_CLEAN_100", split)
    for subset in ("test-other", "train-clean-100"):
        data = _sets(corpus, tmp_path, test_subset=subset, speeds=[0.9, 1.0], law={"level_db": [-30, -20]})
        sets = (data.train, data.valid, data.test)
        people = [{d.speech.person(v) for v in d.speech.speakers} for d in sets]
        sources = [{d.noise.source(i).speaker for i in d.noise.ids} for d in sets]
        for parts in (people, sources):
            assert sum(map(len, parts)) == len(set.union(*parts))
        assert people[0] == {"19", "26"}
    assert data.train.law.level_db == [-30, -20]
    assert data.test.law.level_db is None
    assert len(data.train.speech.speakers) == 4
    assert len(data.valid.speech.speakers) == 2
    with pytest.raises(TypeError, match="epoch_sise"):
        _sets(corpus, tmp_path, epoch_sise=3)


def test_more_speech_and_noise_are_trained_on_and_nothing_else(corpus, tmp_path, monkeypatch):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["19", "26"], "valid": ["374", "1553"], "test": ["103", "289"]}))
    monkeypatch.setattr("pse_plugins.data.sets.TRAIN_CLEAN_100", split)
    rng = np.random.default_rng(0)
    for path in ("voices/eva/a.wav", "sounds/wind.wav"):
        (tmp_path / path).parent.mkdir(parents=True)
        soundfile.write(tmp_path / path, 0.1 * rng.standard_normal(5 * 8000), 8000)
    more = {"more_speech": str(tmp_path / "voices"), "more_noise": str(tmp_path / "sounds")}
    with_more, without = (
        _sets(corpus, tmp_path / "a", law={"tilt": 0.5, "rooms": 0.5}, **more),
        _sets(corpus, tmp_path / "b"),
    )
    assert set(with_more.train.speech.speakers) - set(without.train.speech.speakers) == {"eva"}
    assert set(with_more.train.noise.ids) - set(without.train.noise.ids) == {"wind"}
    for name in ("valid", "test"):
        ours, theirs = getattr(with_more, name), getattr(without, name)
        assert ours.speech.speakers == theirs.speech.speakers and ours.noise.ids == theirs.noise.ids
        assert ours.law.tilt == ours.law.rooms == 0
    assert with_more.train.law.tilt == 0.5


def test_other_trainings_are_compared_on_the_same_mixtures(corpus, tmp_path, monkeypatch):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["19", "26"], "valid": ["374", "1553"], "test": ["103", "289"]}))
    monkeypatch.setattr("pse_plugins.data.sets.TRAIN_CLEAN_100", split)
    one, other = (_sets(corpus, tmp_path, seed=seed, test_seed=0) for seed in (1, 2))
    for name in ("valid", "test"):
        np.testing.assert_array_equal(getattr(one, name)[0].mixture, getattr(other, name)[0].mixture)
    heard = {other.train.noise.source(id).speaker for id in other.train.noise.ids}
    assert not heard & {one.valid.noise.source(id).speaker for id in one.valid.noise.ids}, (
        "held out for every seed"
    )
    first, second = one.train[0].mixture, other.train[0].mixture
    assert first.shape != second.shape or not np.array_equal(first, second)


@pytest.mark.parametrize("make", [librispeech_sets, folder_sets, embedded_sets])
def test_what_makes_sets_tells_all_its_options(make):
    needed = {name: "x" for name, p in signature(make).parameters.items() if p.default is p.empty}
    assert needed.keys() <= {"data_folder", "noise_folder", "save_folder"}
    check_options(make, {**needed, "law": {}, "test_size": 3}, "data")
    with pytest.raises(ComponentError, match="data: no option 'test_sise'; did you mean 'test_size'"):
        check_options(make, {**needed, "test_sise": 3}, "data")


def test_bands_above_all_recordings_are_remarked_on(corpus, tmp_path, caplog, monkeypatch):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["19", "26"], "valid": ["374", "1553"], "test": ["103", "289"]}))
    monkeypatch.setattr("pse_plugins.data.sets.TRAIN_CLEAN_100", split)
    _sets(corpus, tmp_path)
    assert caplog.text == ""
    _sets(corpus, tmp_path, rate=44100)
    assert "mixtures at 44100 Hz, and no speech recording has anything above 4 kHz" in caplog.text


def test_a_folder_too_high_or_too_deep_is_told_the_one_that_fits(corpus, tmp_path):
    fits = corpus / "LibriSpeech"
    for folder in (corpus, fits / "test-other"):
        with pytest.raises(DataError, match=f"no such LibriSpeech subset.*; give --data_folder {fits}$"):
            prepare_librispeech(folder, "test-other", tmp_path / "m.json")
    with pytest.raises(
        DataError, match=r"did you mean 'test-other'\? \(there: test-other, train-clean-100\)"
    ):
        prepare_librispeech(fits, "tset-other", tmp_path / "m.json")
    with pytest.raises(
        DataError, match="nowhere: no such folder; give --data_folder the one that holds test-other"
    ):
        prepare_librispeech(corpus / "nowhere", "test-other", tmp_path / "m.json")


def test_linked_folders_are_followed(tmp_path, corpus):
    real = sorted(p for p in corpus.rglob("*.wav"))[0].parent
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "someone").symlink_to(real, target_is_directory=True)
    found = prepare_speaker_folders(tmp_path / "links", tmp_path / "m.json")
    assert found and {u.speaker for u in found} == {"someone"}
