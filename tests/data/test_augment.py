"""Changes of enrolment clips."""

import numpy as np
import pytest

from pse_plugins.data.augment import EnrolmentAugmentation
from pse_plugins.data.telephone import telephone
from pse_plugins.errors import ConfigError

RATE = 8000
CLIP = np.sin(np.arange(2 * RATE) * 0.5).astype(np.float32) * 0.1


def _changed(seed=0, **options):
    return EnrolmentAugmentation(**options)(CLIP, RATE, np.random.default_rng(seed))


def _level(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


def _share_below(samples, hertz):
    energy = np.abs(np.fft.rfft(samples)) ** 2
    return energy[: round(hertz * samples.size / RATE)].sum() / energy.sum()


def test_a_share_of_the_clips_is_changed():
    changed = sum(_changed(i, share=0.3, level_db=(-60, -60)) is not CLIP for i in range(400))
    assert 90 < changed < 150


def test_clips_are_cut_anywhere_to_a_length():
    made = [_changed(i, seconds=(0.5, 1.0)) for i in range(50)]
    assert all(RATE // 2 <= clip.size <= RATE for clip in made)
    assert len({clip.size for clip in made}) > 40
    assert len({clip[0] for clip in made}) > 10
    assert _changed(seconds=(5, 6)).size == CLIP.size


def test_noise_is_as_far_below_the_voice_as_drawn_whatever_its_colour():
    for seed in range(10):
        for rumble in (False, True):
            noise = _changed(seed, snr=(20, 30), rumble=rumble) - CLIP
            assert 19.5 < _level(CLIP) - _level(noise) < 30.5


def test_the_noise_rumbles_only_if_wanted():
    low = {
        rumble: [_share_below(_changed(seed, snr=(20, 20), rumble=rumble) - CLIP, 300) for seed in range(20)]
        for rumble in (False, True)
    }
    assert max(low[False]) < 0.1
    assert max(low[True]) > 0.8 and min(low[True]) < 0.2


def test_some_clips_are_heard_in_a_room():
    changed = [_changed(seed, rooms=0.5) is not CLIP for seed in range(60)]
    assert 15 < sum(changed) < 45
    assert _level(_changed(rooms=1.0)) == pytest.approx(_level(CLIP), abs=3)


def test_a_telephone_has_no_bass_and_keeps_the_length():
    low, middle = (np.sin(np.arange(3999) * 2 * np.pi * f / 16000).astype(np.float32) for f in (80, 1000))
    assert _level(telephone(low, 16000)[500:]) < _level(low) - 30
    assert _level(telephone(middle, 16000)[500:3500]) == pytest.approx(_level(middle), abs=1)
    assert telephone(low, 16000).shape == low.shape
    assert not np.array_equal(_changed(telephone=1.0), CLIP)


@pytest.mark.parametrize(
    "options",
    [{"share": 2}, {"rooms": -1}, {"telephone": 1.5}, {"seconds": (0.1, 3)}, {"reverberation": (0, 1)}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        EnrolmentAugmentation(**options)
