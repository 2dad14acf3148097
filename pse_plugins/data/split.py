"""Who is trained on, validated on and tested on: one split for every recipe."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import DataError
from .manifest import Utterance, read_json

logger = logging.getLogger(__name__)

TRAIN_CLEAN_100 = Path(__file__).parent / "splits" / "librispeech_train_clean_100.json"
"""The 251 speakers of LibriSpeech train-clean-100 as 211 / 20 / 20, with the seed that drew them."""


def speaker_split(
    utterances: Sequence[Utterance], split: str | Path | None = None, held: int = 20, seed: int = 0
) -> dict[str, list[Utterance]]:
    """Split recordings by speaker into ``"train"``, ``"valid"`` and ``"test"``.

    Parameters
    ----------
    utterances : sequence of Utterance
        Of one corpus.
    split : str, Path or None
        A file with three lists of speakers, such as `TRAIN_CLEAN_100`; None draws the split.
    held : int
        Speakers to draw for each of validation and test.
    seed : int
        Of the draw.

    Raises
    ------
    DataError
        If there are too few speakers, or a list of the file finds none.
    """
    speakers = sorted({u.speaker for u in utterances})
    lists = read_json(split, "speaker split") if split else draw_split(speakers, held, seed)
    parts = {
        name: [u for u in utterances if u.speaker in set(lists[name])] for name in ("train", "valid", "test")
    }
    unlisted = set(speakers) - {s for name in parts for s in lists[name]}
    if unlisted:
        logger.warning(
            "%d speakers, such as %s, are not in %s: left out", len(unlisted), min(unlisted), split
        )
    for name, part in parts.items():
        if not part:
            raise DataError(
                f"{len(speakers)} speakers, and none of the {len(lists[name])} that {split} keeps for {name}; "
                "give the whole corpus that it was made for"
            )
    return parts


def draw_split(
    speakers: Sequence[str],
    held: int = 20,
    seed: int = 0,
    keep: Sequence[str] = (),
    groups: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Draw who is held out, as many of each group (gender) as can be.

    Parameters
    ----------
    speakers : sequence of str
        All of them.
    held : int
        How many for each of validation and test.
    seed : int
        Of the draw.
    keep : sequence of str
        Speakers that stay in training.
    groups : mapping or None
        Speaker -> group.

    Raises
    ------
    DataError
        If fewer than two speakers would be left to train on.
    """
    if held < 1 or len(speakers) - 2 * held < 2:
        raise DataError(
            f"{len(speakers)} speakers are too few to hold {held} out for validation and {held} for test; "
            f"add speakers or hold out fewer"
        )
    free = sorted(set(speakers) - set(keep))
    random.Random(seed).shuffle(free)
    by_group: dict[str, list[str]] = {}
    for speaker in free:
        by_group.setdefault((groups or {}).get(speaker, ""), []).append(speaker)
    queues = [by_group[name] for name in sorted(by_group)]
    drawn: list[str] = []
    while len(drawn) < 2 * held:
        drawn += [queue.pop() for queue in queues if queue]
    # neighbours in the draw are of different groups: take pairs of groups in turn
    valid = [s for i, s in enumerate(drawn[: 2 * held]) if (i // len(queues)) % 2 == 0][:held]
    test = [s for s in drawn[: 2 * held] if s not in valid]
    train = [s for s in speakers if s not in drawn[: 2 * held]]
    return {"train": sorted(train), "valid": sorted(valid), "test": sorted(test)}
