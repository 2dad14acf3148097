from collections import Counter

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from pse_plugins.data import MixtureDataset, SpeechPool, collate
from pse_plugins.data.manifest import inspect
from pse_plugins.errors import ConfigError, DataError

RATE = 8000
ALL = {"ambient": 1, "babble": 1, "talkers": 1, "clean": 1}


def bits(item):
    return item.mixture.tobytes() + item.target.tobytes() + b"".join(c.tobytes() for c in item.enrolment)


def test_an_item_depends_on_seed_epoch_and_index_only(make_dataset):
    first, second = make_dataset(scenarios=ALL, talkers=(2, 2)), make_dataset(scenarios=ALL, talkers=(2, 2))
    forward = [bits(first[i]) for i in range(6)]
    assert [bits(second[i]) for i in reversed(range(6))][::-1] == forward
    second.set_epoch(1)
    assert not {bits(second[i]) for i in range(6)} & set(forward)
    second.set_epoch(0)
    assert bits(second[5]) == forward[5]
    assert bits(make_dataset(scenarios=ALL, talkers=(2, 2), seed=2)[5]) != forward[5]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_any_number_of_workers_gives_the_same_batches_also_over_epochs(make_dataset, start):
    dataset = make_dataset(size=6)
    loader = DataLoader(
        dataset, 2, num_workers=2, collate_fn=collate, persistent_workers=True, multiprocessing_context=start
    )
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        for b, batch in enumerate(loader):
            expected = collate([dataset[2 * b], dataset[2 * b + 1]])
            assert batch.ids == expected.ids == [f"1-{epoch}-{2 * b}", f"1-{epoch}-{2 * b + 1}"]
            assert torch.equal(batch.mixture, expected.mixture)
            assert torch.equal(batch.enrolment, expected.enrolment)
            assert batch.clips == expected.clips


def test_clips_that_nobody_needs_are_not_read_and_all_else_stays(make_dataset):
    whole, right, none = (make_dataset(scenarios={"babble": 1}) for _ in range(3))
    right.enrolment_audio, none.enrolment_audio = "right", "none"
    for i in range(4):
        assert bits(right[i]) == bits(whole[i])
        assert whole[i].wrong_enrolment and not right[i].wrong_enrolment and not none[i].enrolment
        assert none[i].mixture.tobytes() == whole[i].mixture.tobytes()
        assert none[i].clips == whole[i].clips and none[i].wrong_clips == whole[i].wrong_clips
    batch = collate([none[0], none[1]])
    assert batch.enrolment_lengths.tolist() == [[0], [0]] and all(batch.clips)


def test_speakers_are_drawn_uniformly_however_much_they_spoke(make_dataset):
    dataset = make_dataset(size=400)
    drawn = Counter(dataset.drawer.draw(np.random.default_rng([1, 0, i]), "x").speaker for i in range(400))
    assert set(drawn) == {"1", "2", "3", "4"}
    assert max(drawn.values()) < 135
    assert min(drawn.values()) > 70


def test_scenarios_and_snr_follow_the_law(make_dataset):
    dataset = make_dataset(
        scenarios={"ambient": 0.2, "clean": 0.8, "babble": 0}, snr=(0, 5), clean_snr=(35, 40)
    )
    plans = [dataset.drawer.draw(np.random.default_rng(i), "x") for i in range(300)]
    assert 35 < Counter(p.scenario for p in plans)["ambient"] < 90
    for scenario, low, high in (("ambient", 0, 5), ("clean", 35, 40)):
        snr = [p.snr for p in plans if p.scenario == scenario]
        assert low <= min(snr) < low + 0.5
        assert high - 0.5 < max(snr) <= high
    assert not [p for p in plans if p.scenario == "babble"]


def test_competing_speakers_are_other_people_and_wrong_enrolment_is_theirs(make_dataset):
    dataset = make_dataset(
        speeds=(0.9, 1.0), scenarios={"babble": 1, "talkers": 1, "ambient": 1}, talkers=(3, 3)
    )
    pool = dataset.speech
    for i in range(40):
        plan = dataset.drawer.draw(np.random.default_rng(i), "x")
        others = [pool.person(pool.speaker(p.id)) for p in plan.interferers if p.kind == "speech"]
        assert len({*others, pool.person(plan.speaker)}) == len(others) + 1
        assert len(others) == {"babble": 1, "talkers": 3, "ambient": 0}[plan.scenario]
        wrong = {pool.speaker(c.utterance) for c in plan.wrong_clips}
        if others:
            assert wrong == {pool.speaker(plan.interferers[0].id)}
        assert plan.wrong_clips
        assert pool.person(plan.speaker) not in {pool.person(w) for w in wrong}
        assert {pool.speaker(c.utterance) for c in plan.clips} == {plan.speaker}


def test_other_recordings_are_enrolled_with_where_there_are_some(make_dataset):
    dataset = make_dataset()
    for i in range(30):
        plan = dataset.drawer.draw(np.random.default_rng(i), "x")
        assert (plan.clips[0].utterance != plan.target.id) == (plan.speaker in ("1", "2"))


def _unique(seconds, pauses, rng, rate):
    """Make a recording in which no two samples are equal but zeros, which are the pauses."""
    values = np.concatenate([np.arange(-32000, -4000), np.arange(4000, 32000)])
    samples = rng.permutation(values)[: round(seconds * rate)].astype(np.int16)
    for at, length in pauses:
        samples[round(at * rate) : round((at + length) * rate)] = 0
    return samples


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.floats(2.3, 9), min_size=1, max_size=3),
    pauses=st.lists(st.tuples(st.floats(0, 8), st.floats(0, 1.5)), max_size=4),
    segment=st.floats(1, 4),
    count=st.integers(1, 5),
    ratio=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
def test_enrolment_never_shares_a_sample_with_the_target(
    tmp_path, seconds, pauses, segment, count, ratio, seed
):
    rate, rng = 2000, np.random.default_rng(seed)
    lengths = {"ann": seconds, "bob": [9.0]}
    utterances, heard_of_ann = [], 0
    for speaker, durations in lengths.items():
        for k, duration in enumerate(durations):
            path = tmp_path / f"{speaker}{k}.wav"
            samples = _unique(duration, pauses if speaker == "ann" else [], rng, rate)
            soundfile.write(path, samples, rate)
            heard_of_ann += np.count_nonzero(samples) if speaker == "ann" else 0
            utterances.append(inspect(path, tmp_path, path.stem, speaker))
    pool = SpeechPool(utterances, rate, enrolment_rate=ratio * rate)
    law = {"segment": segment, "scenarios": {"babble": 1}, "enrolments": (count, count)}
    try:
        dataset = MixtureDataset(pool, None, size=1, seed=seed, **law)
    except DataError:  # ann has no room for both: said, not hidden
        assert heard_of_ann < 9 * rate
        return
    for i in range(4):
        plan = dataset.drawer.draw(np.random.default_rng([seed, i]), "x", voice="ann")
        assert 1 <= len(plan.clips) <= count
        assert len(set(plan.clips)) == len(plan.clips)
        first, last = plan.target.start, plan.target.start + plan.target.length
        assert 0 <= first < last <= pool.outline(plan.target.id).size
        heard = set(pool.segment(plan.target.id, first, plan.target.length)[:].tolist()) - {0.0}
        for clip in plan.clips:
            assert clip.length >= ratio * rate
            assert clip.start % (ratio * rate // 2) == 0
            a, b = pool.extent(clip)
            assert clip.utterance != plan.target.id or b <= first or a >= last
            if ratio == 1 and clip.utterance == plan.target.id:
                assert not heard & set(pool.clip(clip).tolist())


def test_speakers_too_short_to_use_are_left_out_with_a_word(tmp_path, caplog):
    rng = np.random.default_rng(0)
    utterances = []
    for name, seconds in {"ann": 6, "bob": 3.6, "cat": 1.7}.items():
        soundfile.write(tmp_path / f"{name}.wav", _unique(seconds, [], rng, 2000), 2000)
        utterances.append(inspect(tmp_path / f"{name}.wav", tmp_path, name, name))
    dataset = MixtureDataset(SpeechPool(utterances, 2000), None, size=9, seed=0, scenarios={"babble": 1})
    assert dataset.drawer.voices == ["ann", "bob"]
    assert "left out" in caplog.text and "at some speed: cat (1 in all)" in caplog.text
    for i in range(9):
        item = dataset[i]
        size = {"ann": 6000, "bob": 3.6 * 2000 - 2000}[item.speaker]
        assert size - 1000 <= item.target.size <= min(size, 6000)
    with pytest.raises(DataError, match="1 usable speakers, but at least 2"):
        MixtureDataset(SpeechPool(utterances[1:], 2000), None, size=1, seed=0, scenarios={"babble": 1})


def test_a_short_recording_is_taken_whole_and_padded_at_the_end_of_the_batch(make_dataset):
    dataset = make_dataset(segment=6.5, scenarios={"babble": 1})
    items = [dataset[i] for i in range(12)]
    batch = collate(items)
    assert len({i.target.size for i in items}) > 1
    assert batch.lengths.tolist() == [i.target.size for i in items]
    for row, target, item in zip(batch.mixture, batch.target, items, strict=True):
        assert torch.equal(row[: item.mixture.size], torch.from_numpy(item.mixture))
        assert not row[item.mixture.size :].any()
        assert not target[item.mixture.size :].any()
    words = {i.words for i in items if i.target.size == dataset.speech.outline(i.plan.target.id).size}
    assert words
    assert all(w.startswith("WORDS OF") for w in words)


def test_a_batch_marks_absent_clips_by_length_nought(make_dataset):
    items = [i for k in range(30) if (i := make_dataset(enrolments=(1, 5))[k])][:8]
    batch = collate(items)
    most = max(len(i.enrolment) for i in items)
    assert batch.enrolment.shape[:2] == batch.enrolment_lengths.shape == (8, most)
    for b, item in enumerate(items):
        assert batch.enrolment_lengths[b].tolist() == [c.size for c in item.enrolment] + [0] * (
            most - len(item.enrolment)
        )
        assert batch.clips[b] == item.clips
    assert len(batch) == 8
    moved = batch.to("meta")
    assert moved.mixture.device.type == moved.enrolment_lengths.device.type == "meta"
    assert moved.ids == batch.ids


def test_whole_utterances_can_be_trained_on(make_dataset):
    dataset = make_dataset(segment=None, size=8)
    items = [dataset[i] for i in range(8)]
    batch = collate(items)
    assert batch.lengths.tolist() == [dataset.speech.outline(i.plan.target.id).size for i in items]
    assert set(batch.lengths.tolist()) == {6 * RATE, 7 * RATE} and batch.mixture.shape == (8, 7 * RATE)


def test_enrolment_augmentation_changes_clips_only_and_forbids_caching(make_dataset):
    plain = make_dataset(size=5)
    options = {"snr": (10, 20), "level_db": (-50, -45), "tilt": 0.5}
    changed = make_dataset(size=5, enrolment_augmentation=options)
    for a, b in ((plain[i], changed[i]) for i in range(5)):
        assert np.array_equal(a.mixture, b.mixture)
        assert a.clips
        assert b.clips == []
        assert not np.array_equal(a.enrolment[0], b.enrolment[0])
        assert b.enrolment[0].dtype == np.float32
        assert -51 < 20 * np.log10(np.sqrt(np.mean(b.enrolment[0] ** 2))) < -43
    assert bits(changed[2]) == bits(changed[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snr": (10, -3)}, "snr"),
        ({"snr": 5}, r"snr 5 must be \[from, to\]"),
        ({"snr": ["low", 3]}, r"snr \['low', 3\] must be"),
        ({"segment": "long"}, "check the types"),
        ({"enrolments": (1, 6)}, "enrolments"),
        ({"enrolments": (0, 1)}, "enrolments"),
        ({"enrolment_seconds": 0.2}, "enrolment_seconds"),
        ({"enrolment_seconds": 1.3}, "enrolment_seconds"),
        ({"segment": 0.1}, "too short"),
        ({"segment": 0}, "too short"),
        ({"scenarios": {"babbel": 1}}, "did you mean 'babble'"),
        ({"scenarios": {"babble": -1}}, "weights are 0 or more"),
        ({"scenarios": {"babble": 0}}, "all weights are 0"),
        ({"segmet": 3}, "did you mean 'segment'"),
        ({"enrolment_augmentation": {"snrr": (1, 2)}}, "did you mean 'snr'"),
        (
            {"enrolment_augmentation": {"tilt": 2}},
            "enrolment_augmentation: tilt 2 must be a number from 0 to 0.9",
        ),
        ({"enrolment_augmentation": {"share": "most"}}, "share 'most' must be a number from 0 to 1"),
        ({"enrolment_augmentation": {"seconds": (4, 8)}}, r"\[4, 8\] cut nothing from clips of 3 s"),
        ({"enrolment_augmentation": {"rumble": True}}, "there is none of; give snr too"),
        (
            {"enrolment_augmentation": {"rumble": "maybe", "snr": (5, 40)}},
            "rumble 'maybe' must be true or false",
        ),
        ({"enrolment_augmentation": "telephone"}, r"must be a mapping, such as \{telephone: 0.3\}"),
        ({"enrolment_augmentations": {}}, "did you mean 'enrolment_augmentation'"),
        ({"level_db": (-10, 10)}, "level_db"),
        ({"size": 0}, "size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_out_of_range_are_named(make_dataset, options, message):
    with pytest.raises(ConfigError, match=message):
        make_dataset(**options)


def test_what_a_scenario_lacks_is_named(utterances, make_dataset, noises):
    from pse_plugins.data import NoisePool

    pool = SpeechPool(utterances, RATE)
    with pytest.raises(ConfigError, match="need noise"):
        MixtureDataset(pool, None, size=1, seed=0)
    with pytest.raises(ConfigError, match="one rate"):
        MixtureDataset(pool, NoisePool(noises, 16000), size=1, seed=0)
    with pytest.raises(DataError, match="at least 6 are needed"):
        make_dataset(scenarios={"talkers": 1}, talkers=(2, 5))
    with pytest.raises(IndexError):
        make_dataset()[40]


def test_silent_noise_is_refused(utterances, tmp_path):
    from pse_plugins.data import NoisePool

    soundfile.write(tmp_path / "n.wav", np.zeros(RATE), RATE)
    noise = NoisePool([inspect(tmp_path / "n.wav", tmp_path, "n", "n")], RATE)
    dataset = MixtureDataset(SpeechPool(utterances, RATE), noise, size=1, seed=0, scenarios={"ambient": 1})
    with pytest.raises(DataError, match="silent"):
        dataset[0]


def competing(dataset):
    """Give the speakers of each pair of target and competitor."""
    plans = [dataset[i].plan for i in range(len(dataset))]
    return [(plan.speaker, dataset.speech.speaker(plan.interferers[0].id)) for plan in plans]


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.3, 0.7)])
def test_competitors_are_of_the_targets_gender_as_often_as_the_law_says(
    make_dataset, monkeypatch, share, low, high
):
    known = {"1": "F", "2": "M", "3": "F", "4": "M"}
    monkeypatch.setattr("pse_plugins.data.drawing.genders", lambda pool: known)
    pairs = competing(make_dataset(scenarios={"babble": 1}, same_gender=share))
    assert low <= sum(known[a] == known[b] for a, b in pairs) / len(pairs) <= high
    assert all(a != b for a, b in pairs)


def test_a_gender_that_nobody_else_has_is_left_to_chance(make_dataset, monkeypatch):
    monkeypatch.setattr(
        "pse_plugins.data.drawing.genders", lambda pool: dict.fromkeys(pool.speakers, "F") | {"2": "M"}
    )
    pairs = competing(make_dataset(scenarios={"babble": 1}, same_gender=1.0))
    assert {b for a, b in pairs if a == "2"} <= {"1", "3", "4"}
    assert not any(b == "2" for a, b in pairs if a != "2")


def test_same_gender_needs_to_know_genders(make_dataset):
    with pytest.raises(
        ConfigError, match=r"same_gender needs the gender of every speaker.*leave same_gender out"
    ):
        make_dataset(same_gender=0.7)
