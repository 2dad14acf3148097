"""Fixed test lists: every mixture written down once, with checksums, and made again bit by bit."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from pse_runtime.energy import FRAME

from ..errors import DataError
from .activity import DEPTH_DB, HANGOVER
from .corpora import genders
from .dataset import MixtureDataset
from .manifest import Utterance, digest, read_json, write_json
from .mixing import mix, render
from .plan import Mixture, Part, Plan
from .pools import ClipRef, NoisePool, SpeechPool

logger = logging.getLogger(__name__)

VERSION = 1
"""Version of the file; a newer one is refused."""
SAME_GENDER, OTHER_GENDER = "same gender", "other gender"
"""What is said of competing speakers, by the target's."""
_SILENCE = [FRAME, DEPTH_DB, HANGOVER]  # what enrolment clips are cut by


class TestList(Sequence[Mixture]):
    """Mixtures that are the same for everybody, made when they are asked for.

    Parameters
    ----------
    plans : sequence of Plan
        With final gains.
    speech : SpeechPool
        The recordings they name.
    noise : NoisePool or None
        Likewise.
    checksum : str
        Of the list.
    """

    __test__ = False  # not a pytest class

    def __init__(
        self, plans: Sequence[Plan], speech: SpeechPool, noise: NoisePool | None, checksum: str = ""
    ) -> None:
        self.plans, self.speech, self.noise, self.checksum = list(plans), speech, noise, checksum

    @property
    def rate(self) -> int:
        """Rate of the mixtures in Hz."""
        return self.speech.rate

    @property
    def enrolment_rate(self) -> int:
        """Rate of the enrolment clips in Hz."""
        return self.speech.enrolment_rate

    @cached_property
    def competitors(self) -> dict[str, str]:
        """Tell of items with competing speakers whether one is of the target's gender, which is harder.

        Item -> ``"same gender"`` or ``"other gender"``; items without competitors, or whose genders are in no
        ``SPEAKERS.TXT``, are left out.
        """
        known, found = genders(self.speech), {}
        for plan in self.plans:
            voices = [
                self.speech.source(part.id).speaker for part in plan.interferers if part.kind == "speech"
            ]
            people = [self.speech.person(plan.speaker), *voices]
            if voices and all(person in known for person in people):
                same = known[people[0]] in [known[voice] for voice in voices]
                found[plan.id] = SAME_GENDER if same else OTHER_GENDER
        return found

    def __len__(self) -> int:
        return len(self.plans)

    @overload
    def __getitem__(self, index: int) -> Mixture: ...
    @overload
    def __getitem__(self, index: slice) -> TestList: ...
    def __getitem__(self, index: int | slice) -> Mixture | TestList:
        if isinstance(index, slice):
            return TestList(self.plans[index], self.speech, self.noise, self.checksum)
        return render(self.plans[index], self.speech, self.noise)


def write_test_list(dataset: MixtureDataset, path: str | Path, per_scenario: int | None = None) -> Path:
    """Draw a list and write it.

    Each scenario of the dataset's law gets as many items; within it, SNR runs evenly through its range and
    speakers take turns.

    Parameters
    ----------
    dataset : MixtureDataset
        Gives recordings, law and seed.
    path : str or Path
        The JSON to write.
    per_scenario : int or None
        Items for each scenario; None shares out the dataset's size.

    Returns
    -------
    Path
        The file.
    """
    scenarios = dataset.law.used
    count = per_scenario or max(1, len(dataset) // len(scenarios))
    plans = [
        _draw(dataset, s, scenario, i, count) for s, scenario in enumerate(scenarios) for i in range(count)
    ]
    items = [asdict(plan) for plan in plans]
    used = _used(plans)
    speech = {id: _file(dataset.speech.source(id)) for id in sorted(used["speech"])}
    noise = {id: _file(dataset.noise.source(id)) for id in sorted(used["noise"])} if dataset.noise else {}
    body = {
        "rate": dataset.speech.rate,
        "enrolment_rate": dataset.speech.enrolment_rate,
        "seed": dataset.seed,
        "made_by": _origin(dataset, per_scenario),
        "silence": _SILENCE,
        "speech": speech,
        "noise": noise,
        "items": items,
    }
    return write_json(path, {"version": VERSION, "checksum": digest(body), **body})


def read_test_list(path: str | Path, data_root: str | Path, noise_root: str | Path | None = None) -> TestList:
    """Read a list and check that every recording it names is still the same.

    Parameters
    ----------
    path : str or Path
        What `write_test_list` wrote.
    data_root : str or Path
        Holds the speech (``LibriSpeech``).
    noise_root : str, Path or None
        Holds the noise; None for the same folder.

    Returns
    -------
    TestList

    Raises
    ------
    DataError
        If the list is missing, was changed or is too new, or a recording is missing or is another.
    """
    content = read_json(path, "test list")
    version = content.pop("version", None)
    if not isinstance(version, int):
        raise DataError(f"{path}: not a test list; write one with `pse data test-list`")
    if version > VERSION:
        raise DataError(f"{path}: written by a newer pse-plugins; upgrade: pip install -U pse-plugins")
    checksum = content.pop("checksum", "")
    if digest(content) != checksum:
        raise DataError(f"{path}: was changed since it was written; get it again, or write a new one")
    if content.get("silence", _SILENCE) != _SILENCE:
        raise DataError(
            f"{path}: its enrolment clips were cut by another rule; write a new list with `pse data test-list`"
        )
    roots = {"speech": Path(data_root), "noise": Path(noise_root or data_root)}
    files = {kind: [_recall(path, id, f, roots[kind]) for id, f in content[kind].items()] for kind in roots}
    speech = SpeechPool(files["speech"], content["rate"], enrolment_rate=content["enrolment_rate"])
    noise = NoisePool(files["noise"], content["rate"]) if files["noise"] else None
    return TestList([_plan(item) for item in content["items"]], speech, noise, checksum)


def fixed_list(dataset: MixtureDataset, path: str | Path) -> TestList:
    """Read a recipe's test list, after writing it if there is none yet, or one made by other settings.

    Raises
    ------
    DataError
        If there is one of recordings that are gone or others now: it is not replaced.
    """
    path = Path(path)
    data_root = dataset.speech.source(dataset.speech.utterances(dataset.speech.speakers[0])[0]).root
    noise_root = dataset.noise.source(dataset.noise.ids[0]).root if dataset.noise else None
    origin = _origin(dataset)
    if path.is_file() and read_json(path, "test list").get("made_by", origin) != origin:
        before = read_test_list(path, data_root, noise_root)
        kept = path.rename(path.with_stem(f"{path.stem}-{before.checksum[:8]}"))
        logger.warning(
            "%s was made by other settings or of fewer recordings: it is now %s, which older scores are of",
            path,
            kept.name,
        )
    if not path.is_file():
        write_test_list(dataset, path)
        logger.info("wrote the test list %s", path)
    return read_test_list(path, data_root, noise_root)


def _origin(dataset: MixtureDataset, per_scenario: int | None = None) -> str:
    """Hash what decides the content of a list."""
    listed = [
        dataset.speech.source(id).relative
        for v in dataset.speech.speakers
        for id in dataset.speech.utterances(v)
    ]
    noises = [dataset.noise.source(id).relative for id in dataset.noise.ids] if dataset.noise else []
    settings = [dataset.law.stated, dataset.seed, len(dataset), per_scenario]
    return digest([settings, _SILENCE, listed, noises])


def _draw(dataset: MixtureDataset, s: int, scenario: str, i: int, count: int) -> Plan:
    """Draw item ``i`` of a scenario: its share of the SNR range, its speaker in turn."""
    rng = np.random.default_rng([dataset.seed, 1 << 20, s, i])
    law = dataset.law
    low, high = law.clean_snr if scenario == "clean" else law.snr
    snr = float(low + (high - low) * (i + rng.random()) / count)
    # a fixed shuffle, so that speaker and SNR are not tied
    voices = np.random.default_rng([dataset.seed, 1 << 21, s]).permutation(count) % len(dataset.drawer.voices)
    voice = dataset.drawer.voices[voices[i]]
    plan = dataset.drawer.draw(rng, f"{scenario}-{i:04d}", scenario=scenario, snr=snr, voice=voice)
    return mix(plan, dataset.speech, dataset.noise).plan


def _used(plans: Sequence[Plan]) -> dict[str, set[str]]:
    """Collect the recordings that a list names."""
    used: dict[str, set[str]] = {"speech": set(), "noise": set(), "white": set()}
    for plan in plans:
        for part in (plan.target, *plan.interferers):
            used[part.kind].add(part.id)
        used["speech"] |= {clip.utterance for clip in (*plan.clips, *plan.wrong_clips)}
    return used


def _file(utterance: Utterance) -> dict[str, Any]:
    """Write down a recording: what it is, and a hash of its bytes."""
    return {
        "path": utterance.relative,
        "speaker": utterance.speaker,
        "samples": utterance.samples,
        "rate": utterance.rate,
        "words": utterance.words,
        "sha256": _hash(utterance.path),
    }


def _recall(path: str | Path, id: str, file: Mapping[str, Any], root: Path) -> Utterance:
    """Find a recording again, and make sure that it is the same."""
    place = root / file["path"]
    if not place.is_file():
        near = next((p for p in sorted(root.glob("*")) if (p / file["path"]).is_file()), None)
        remedy = (
            f"it lies below {near}: give that folder"
            if near
            else "give the data folder that it was written for"
        )
        raise DataError(f"{path}: names {place}, which is missing; {remedy}")
    if _hash(place) != file["sha256"]:
        raise DataError(
            f"{path}: {place} is not the recording it was written for; get that one, or write a new list"
        )
    return Utterance(id, file["speaker"], place, file["samples"], file["rate"], file["words"], root)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def _plan(item: Mapping[str, Any]) -> Plan:
    """Read an item."""
    return Plan(
        id=item["id"],
        scenario=item["scenario"],
        snr=item["snr"],
        speaker=item["speaker"],
        target=Part(**item["target"]),
        interferers=tuple(Part(**part) for part in item["interferers"]),
        clips=tuple(ClipRef(**clip) for clip in item["clips"]),
        wrong_clips=tuple(ClipRef(**clip) for clip in item["wrong_clips"]),
    )
