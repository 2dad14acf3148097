from dataclasses import replace

import numpy as np
import pytest

from pse_plugins.data.activity import active_rms
from pse_plugins.data.law import SCENARIOS
from pse_plugins.data.mixing import DIRECT, cut, mix, render, white
from pse_plugins.data.rooms import reverberate

RATE = 8000


def level(samples):
    return 20 * np.log10(active_rms(samples, RATE))


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s != "absent"])
@pytest.mark.parametrize("length", [2.0, 4.5])
def test_snr_on_active_speech_is_as_drawn(make_dataset, scenario, length):
    options = {"talkers": (2, 3), "clean_snr": (20, 30), "segment": length}
    dataset = make_dataset(scenarios={scenario: 1.0}, **options)
    for i in range(8):
        item = dataset[i]
        assert item.scenario == scenario
        assert level(item.target) - level(item.mixture - item.target) == pytest.approx(item.snr, abs=0.02)


def test_the_target_keeps_its_level(make_dataset):
    dataset = make_dataset(snr=(20, 30))
    for i in range(10):
        part = (item := dataset[i]).plan.target
        assert np.array_equal(item.target, dataset.speech.segment(part.id, part.start, part.length))


def test_level_is_drawn_for_mixture_and_target_alike(make_dataset):
    dataset = make_dataset(level_db=(-40, -30))
    levels = [level(dataset[i].target) for i in range(20)]
    assert -40.01 < min(levels) < -38
    assert -32 < max(levels) < -29.99
    item = dataset[3]
    assert level(item.target) - level(item.mixture - item.target) == pytest.approx(item.snr, abs=0.02)


def test_nothing_clips(make_dataset):
    dataset = make_dataset(snr=(-30, -30), level_db=(0, 0))
    for i in range(5):
        item = dataset[i]
        assert 0.99 < np.abs(item.mixture).max() <= 1
        assert level(item.target) - level(item.mixture - item.target) == pytest.approx(-30, abs=0.05)


def test_a_plan_with_gains_gives_the_same_bits(make_dataset):
    dataset = make_dataset(
        scenarios=dict.fromkeys(SCENARIOS, 1), talkers=(2, 3), tilt=0.5, rooms=0.5, noise_floors=0.5
    )
    for i in range(15):
        item = dataset[i]
        again = render(item.plan, dataset.speech, dataset.noise)
        assert again.mixture.tobytes() == item.mixture.tobytes()
        assert again.target.tobytes() == item.target.tobytes()
        assert again.plan == item.plan


def test_a_short_interferer_sounds_where_the_plan_says(make_dataset):
    dataset = make_dataset(scenarios={"babble": 1.0})
    plan = dataset[0].plan
    short = replace(plan.interferers[0], length=RATE // 2, at=RATE // 4, gain=1.0)
    item = mix(replace(plan, interferers=(short,)), dataset.speech, dataset.noise)
    rest = item.mixture - item.target
    assert not rest[: RATE // 4].any()
    assert rest[RATE // 4 : 3 * RATE // 4].any()
    assert not rest[3 * RATE // 4 :].any()


def _sum_of_four(word):
    """Add four 16-bit uniform numbers up and scale to unit variance: each has (2^32 - 1) / 12."""
    numbers = [(word >> shift) & 0xFFFF for shift in (0, 16, 32, 48)]
    return (sum(numbers) - 2 * 65535) / (4 * (2**32 - 1) / 12) ** 0.5


def test_white_noise_is_fixed_for_ever():
    noise = white(7, 100_000)
    assert noise[:3].tolist() == [0.20384687185287476, 1.3880510330200195, 1.1527272462844849]
    raw = np.random.PCG64(7).random_raw(3)
    assert noise[:3].tolist() == pytest.approx([_sum_of_four(int(word)) for word in raw], abs=1e-6)
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.01
    assert not np.array_equal(white(8, 100), noise[:100])


def tilt(samples):
    """Tell how much of a sound is above an eighth of the rate."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return power[len(power) // 4 :].sum() / power.sum()


def test_each_part_has_a_tilt_of_its_own(make_dataset):
    plain, tilted = make_dataset(scenarios={"both": 1}), make_dataset(scenarios={"both": 1}, tilt=0.9)
    item = tilted[0]
    tilts = [part.tone for part in (item.plan.target, *item.plan.interferers)]
    assert len(set(tilts)) == 3 and all(0 < abs(x) <= 0.9 for x in tilts)
    assert not any(part.tone for part in (plain[0].plan.target, *plain[0].plan.interferers))
    target = item.plan.target
    recorded = tilted.speech.segment(target.id, target.start, target.length)
    assert (tilt(item.target) < tilt(recorded)) == (target.tone > 0)
    assert level(item.target) - level(item.mixture - item.target) == pytest.approx(item.snr, abs=0.02)


def test_a_share_is_heard_in_a_room_the_target_too(make_dataset):
    dataset = make_dataset(scenarios={"both": 1}, rooms=0.5, reverberation=(0.3, 0.4))
    rooms = []
    for i in range(40):
        item = dataset[i]
        parts = (item.plan.target, *item.plan.interferers)
        assert len({part.room for part in parts}) == 1
        rooms.append(parts[0].room)
        recorded = dataset.speech.segment(parts[0].id, parts[0].start, parts[0].length)
        heard = np.corrcoef(item.target, recorded)[0, 1]
        assert (0.5 < heard < 0.99) if parts[0].room else heard > 0.9999
        assert level(item.target) - level(item.mixture - item.target) == pytest.approx(item.snr, abs=0.02)
    assert 10 < sum(room > 0 for room in rooms) < 30
    assert all(0.3 <= room <= 0.4 for room in rooms if room)


def test_a_floor_is_of_the_voice_and_stays_in_the_target(make_dataset):
    dataset = make_dataset(scenarios={"both": 1}, noise_floors=0.5, noise_floor_db=(10, 30))
    floors = []
    for i in range(40):
        item = dataset[i]
        target, _, noise = item.plan.target, *item.plan.interferers
        assert noise.kind == "noise" and not noise.floor
        floors.append(target.floor)
        recorded = dataset.speech.segment(target.id, target.start, target.length) * target.gain
        added = item.target - recorded
        if target.floor:
            assert level(recorded) - level(added) == pytest.approx(target.floor, abs=0.3)
            assert 0 <= target.colour < 1
        else:
            assert not added.any()
        assert level(item.target) - level(item.mixture - item.target) == pytest.approx(item.snr, abs=0.02)
    assert 10 < sum(floor > 0 for floor in floors) < 30
    assert all(10 <= floor <= 30 for floor in floors if floor)


def test_enrolment_clips_have_the_floor_of_the_target(make_dataset):
    dataset = make_dataset(scenarios={"babble": 1}, noise_floors=0.5, noise_floor_db=(10, 30))
    assert not dataset.keeps_clips and make_dataset().keeps_clips
    for item in (dataset[i] for i in range(20)):
        recorded = dataset.speech.clip(item.plan.clips[0])
        added = item.enrolment[0] - recorded
        if item.plan.target.floor:
            assert level(recorded) - level(added) == pytest.approx(item.plan.target.floor, abs=0.3)
            assert item.clips == []
        else:
            assert not added.any() and item.clips


def test_a_floor_of_a_higher_colour_rumbles(make_dataset):
    dataset = make_dataset(scenarios={"babble": 1})
    part = dataset[0].plan.target
    own = cut(part, dataset.speech, None)
    white_one, rumble = (
        cut(replace(part, floor=10.0, colour=colour), dataset.speech, None) - own for colour in (0.0, 0.99)
    )
    assert tilt(white_one) > 0.5 and tilt(rumble) < 0.02


def test_a_room_dies_away_by_60_db_in_its_time_and_keeps_the_energy():
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    response = reverberate(click, RATE, 0.5, DIRECT, white(1, RATE))
    assert np.sum(response**2) == pytest.approx(1, rel=1e-3) and response[0] == pytest.approx(
        DIRECT, rel=1e-5
    )
    early, late = (np.mean(response[a : a + 400] ** 2) for a in (400, 2400))  # 0.25 s apart
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=2)
    assert np.abs(response[RATE // 2 :]).max() < 1e-12


def test_both_is_one_speaker_and_one_noise(make_dataset):
    item = make_dataset(scenarios={"both": 1})[0]
    assert [part.kind for part in item.plan.interferers] == ["speech", "noise"]
    assert item.wrong_clips and item.plan.interferers[0].id.split("-")[0] != item.speaker


def test_who_is_absent_is_silent_and_the_other_is_as_loud_as_else(make_dataset):
    absent = make_dataset(scenarios={"absent": 1})
    for i in range(5):
        item = absent[i]
        assert not item.target.any() and item.mixture.any() and item.clips and item.wrong_clips
        own = item.plan.target
        would_be = level(absent.speech.segment(own.id, own.start, own.length))
        assert would_be - level(item.mixture) == pytest.approx(item.snr, abs=0.05)
        assert render(item.plan, absent.speech, absent.noise).mixture.tobytes() == item.mixture.tobytes()
