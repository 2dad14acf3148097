import pytest

from pse_plugins.data.voices import cast_voices, crowd


def test_no_two_voices_are_the_same():
    split = cast_voices(100, seed=5)
    everybody = [v for voices in split.values() for v in voices] + crowd(50, seed=5)
    assert len({v.id for v in everybody}) == len({v.formants for v in everybody}) == 150


@pytest.mark.parametrize("count", [12, 60, 1000])
def test_any_allowed_number_of_voices_can_be_cast(count):
    split = cast_voices(count)
    assert sum(map(len, split.values())) == count
    assert min(map(len, split.values())) >= 2


def test_another_seed_casts_other_voices():
    assert cast_voices(60, seed=0) == cast_voices(60, seed=0) != cast_voices(60, seed=1)
