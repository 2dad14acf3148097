import json
import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile

from pse_plugins.data import read_test_list, write_test_list
from pse_plugins.data.lists import fixed_list
from pse_plugins.data.manifest import digest
from pse_plugins.errors import DataError

LAW = {"scenarios": {"ambient": 1, "babble": 1}, "enrolments": (2, 5)}


@pytest.fixture
def written(make_dataset, tmp_path):
    return write_test_list(make_dataset(**LAW), tmp_path / "list.json", 8)


def roots(corpus):
    return corpus / "LibriSpeech", corpus / "noise"


def test_a_list_covers_scenarios_snr_and_speakers_evenly(written, corpus):
    items = read_test_list(written, *roots(corpus))
    assert Counter(i.scenario for i in items) == {"ambient": 8, "babble": 8}
    assert len({i.id for i in items}) == 16
    for scenario in ("ambient", "babble"):
        mine = [i for i in items if i.scenario == scenario]
        assert [int((i.snr + 3) / 13 * 8) for i in mine] == list(range(8))
        assert Counter(i.speaker for i in mine) == {"1": 2, "2": 2, "3": 2, "4": 2}
        assert all(2 <= len(i.clips) <= 5 and i.wrong_clips for i in mine)


def test_items_are_bit_for_bit_what_was_drawn_and_fit_what_they_say(written, make_dataset, corpus, tmp_path):
    items = read_test_list(written, *roots(corpus))
    again = write_test_list(make_dataset(**LAW), tmp_path / "again.json", 8)
    assert again.read_bytes() == written.read_bytes()
    first, second = items[3], read_test_list(again, *roots(corpus))[3]
    assert first.mixture.tobytes() == second.mixture.tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(first.enrolment, second.enrolment, strict=True))
    assert (items.rate, items.enrolment_rate, len(items), len(items[2:5])) == (8000, 8000, 16, 3)
    assert items[2:5][0].id == items[2].id
    assert items[-1].id == items[15].id


@pytest.mark.parametrize("segment", [3.0, None])
def test_the_number_of_clips_changes_nothing_but_further_clips(make_dataset, corpus, tmp_path, segment):
    def items(count):
        law = {"segment": segment, "scenarios": {"ambient": 1, "babble": 1}, "enrolments": (count, count)}
        return read_test_list(
            write_test_list(make_dataset(**law), tmp_path / f"{count}.json", 8), *roots(corpus)
        )

    several = 0
    for one, five in zip(items(1), items(5), strict=True):
        assert one.mixture.tobytes() == five.mixture.tobytes()
        assert (one.clips[0], one.wrong_clips[0]) == (five.clips[0], five.wrong_clips[0])
        assert len(one.clips) == len(one.wrong_clips) == 1
        several += len({(clip.utterance, clip.start) for clip in five.clips}) > 2
    assert several > 8


def test_whole_utterances_keep_their_words_and_enrol_by_other_recordings(
    make_dataset, corpus, tmp_path, caplog
):
    law = {"segment": None, "scenarios": {"ambient": 1, "babble": 1, "clean": 1}}
    items = read_test_list(write_test_list(make_dataset(**law), tmp_path / "w.json", 6), *roots(corpus))
    sizes = {
        u: items.speech.outline(u).size for v in items.speech.speakers for u in items.speech.utterances(v)
    }
    for item in items:
        assert item.mixture.size == item.target.size == sizes[item.plan.target.id]
        assert item.words == f"WORDS OF {item.plan.target.id}"
        assert item.clips and item.plan.target.id not in {clip.utterance for clip in item.clips}
    assert {i.speaker for i in items} == {"1", "2"}  # the others have a single recording
    assert "an enrolment clip in another recording" in caplog.text and "3, 4 (2 in all)" in caplog.text
    every = make_dataset(**law, enrolments=(0, 0))
    assert set(every.drawer.voices) == {"1", "2", "3", "4"}
    short = read_test_list(write_test_list(make_dataset(**LAW), tmp_path / "s.json", 2), *roots(corpus))
    assert {item.words for item in short} == {""}


def test_a_list_names_no_absolute_path(written, corpus):
    assert str(corpus) not in written.read_text()


def _edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["items"][0].update(snr=1.0), "was changed"),
        (lambda c: c["items"].pop(), "was changed"),
        (lambda c: c.update(version=99), "newer"),
        (lambda c: c.pop("version"), "not a test list"),
    ],
)
def test_a_changed_list_is_refused(written, corpus, change, message):
    _edit(written, change)
    with pytest.raises(DataError, match=message):
        read_test_list(written, *roots(corpus))


def test_a_changed_or_missing_recording_is_refused(written, corpus, tmp_path):
    copy = shutil.copytree(corpus, tmp_path / "copy")
    assert read_test_list(written, *roots(copy))[0].mixture.size
    speech, noise = roots(copy)
    with pytest.raises(DataError, match=f"which is missing; it lies below {speech}: give that folder"):
        read_test_list(written, speech.parent, noise)
    victim = copy / "LibriSpeech/test-other/3/7/3-7-0000.flac"
    samples, rate = soundfile.read(victim, dtype="int16")
    samples[5000] += 1
    soundfile.write(victim, samples, rate)
    with pytest.raises(DataError, match="is not the recording"):
        read_test_list(written, *roots(copy))
    victim.unlink()
    with pytest.raises(DataError, match=r"3-7-0000\.flac, which is missing"):
        read_test_list(written, *roots(copy))


def test_a_recipes_list_is_written_once_and_kept_beside_one_by_other_settings(make_dataset, tmp_path, caplog):
    path = tmp_path / "list.json"
    first = fixed_list(make_dataset(**LAW, size=6), path)
    stamp, content = path.stat().st_mtime_ns, path.read_bytes()
    assert fixed_list(make_dataset(**LAW, size=6), path).checksum == first.checksum
    assert path.stat().st_mtime_ns == stamp
    second = fixed_list(make_dataset(**LAW, size=6, segment=3.0), path)
    assert second.checksum != first.checksum
    kept = tmp_path / f"list-{first.checksum[:8]}.json"
    assert kept.read_bytes() == content
    assert "other settings" in caplog.text and kept.name in caplog.text


def test_a_recipes_list_of_recordings_that_are_gone_is_not_replaced(make_dataset, tmp_path):
    path = tmp_path / "list.json"
    fixed_list(make_dataset(**LAW, size=6), path)
    content = json.loads(path.read_text())
    body = json.dumps({k: v for k, v in content.items() if k not in ("version", "checksum")})
    body = json.loads(body.replace("3-7-0000", "3-7-0009")) | {"made_by": "other recordings"}
    path.write_text(json.dumps({"version": content["version"], "checksum": digest(body), **body}))
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"3-7-0009\.flac, which is missing"):
        fixed_list(make_dataset(**LAW, size=6), path)
    assert path.read_bytes() == before


def test_it_is_known_whether_somebody_of_the_targets_gender_competes(written, corpus, monkeypatch):
    assert read_test_list(written, *roots(corpus)).competitors == {}, "no SPEAKERS.TXT"
    known = {"1": "F", "2": "M", "3": "F", "4": "M"}
    monkeypatch.setattr("pse_plugins.data.lists.genders", lambda pool: known)
    items = read_test_list(written, *roots(corpus))
    babble = [item for item in items if item.scenario == "babble"]
    assert items.competitors == {
        i.id: "same gender"
        if known[i.speaker] == known[items.speech.speaker(i.plan.interferers[0].id)]
        else "other gender"
        for i in babble
    }
    assert len(set(items.competitors.values())) == 2
    monkeypatch.setattr("pse_plugins.data.lists.genders", lambda pool: {"1": "F", "2": "M", "3": "F"})
    assert not {i.id for i in babble if i.speaker == "4"} & set(items[:].competitors)
