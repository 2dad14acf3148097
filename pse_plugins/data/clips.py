"""Where the target stands in its recording, and which enrolment clips go with it: they never share a sample."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..errors import ConfigError
from .pools import GRID, ClipRef, SpeechPool

LADDER = (3.0, 2.0, 1.5, 1.0)
"""Lengths in seconds that enrolment clips shrink to on short recordings."""
MIN_TARGET = 1.0
"""Shortest target in seconds, for speakers with a single short recording."""
Stretch = tuple[int, int]


def clip_lengths(seconds: float, rate: int) -> list[int]:
    """List the wanted clip length and the shorter ones to fall back on, in samples.

    Raises
    ------
    ConfigError
        If the length is not a multiple of 0.5 s, or below 1 s.

    Examples
    --------
    >>> clip_lengths(2.5, 1000)
    [2500, 2000, 1500, 1000]
    """
    if seconds < LADDER[-1] or seconds % GRID:
        raise ConfigError(
            f"enrolment_seconds {seconds} must be a multiple of {GRID} and at least {LADDER[-1]}"
        )
    return [round(s * rate) for s in (seconds, *(s for s in LADDER if s < seconds))]


def choose_clips(
    pool: SpeechPool,
    utterances: Sequence[str],
    count: int,
    lengths: Sequence[int],
    rng: np.random.Generator,
    avoid: Mapping[str, Stretch] | None = None,
) -> list[ClipRef]:
    """Draw different enrolment clips, spread over the recordings, each as long as its recording allows.

    Parameters
    ----------
    pool : SpeechPool
        Holds the recordings.
    utterances : sequence of str
        Recordings of one voice.
    count : int
        Clips wanted.
    lengths : sequence of int
        Lengths to try, in samples at the encoder's rate, longest first.
    rng : numpy.random.Generator
        Where the choice comes from. Whatever the count, as much is taken out of it: items that differ only in how
        many clips they have share their first clip and all that is drawn afterwards.
    avoid : mapping
        Recording -> stretch (first sample, and after the last, at the pool's rate) not to touch.

    Returns
    -------
    list of ClipRef
        Fewer than ``count`` if there are no more; none if nothing fits.
    """
    order = [utterances[k] for k in rng.permutation(len(utterances)).tolist()]
    avoid = avoid or {}
    for place, id in enumerate(order if count else []):
        first = next(_clips(pool, id, lengths, rng, avoid.get(id)), None)
        if first is not None:
            rest = (*order[place + 1 :], id)
            return [first, *_further(pool, rest, count - 1, lengths, rng, avoid, first)]
    return []


def _further(
    pool: SpeechPool,
    utterances: Sequence[str],
    count: int,
    lengths: Sequence[int],
    rng: np.random.Generator,
    avoid: Mapping[str, Stretch],
    first: ClipRef,
) -> list[ClipRef]:
    """Draw clips besides the first, in turns from recording to recording, and take nothing out of ``rng``."""
    if not count:
        return []
    rng = rng.spawn(1)[0]
    sources = deque(_clips(pool, id, lengths, rng, avoid.get(id)) for id in utterances)
    chosen: list[ClipRef] = []
    while sources and len(chosen) < count:
        source = sources.popleft()
        clip = next((clip for clip in source if clip != first), None)
        if clip is not None:
            chosen.append(clip)
            sources.append(source)
    return chosen


def _clips(
    pool: SpeechPool, id: str, lengths: Sequence[int], rng: np.random.Generator, avoid: Stretch | None
) -> Iterator[ClipRef]:
    """Give a recording's clips in random order, longer ones first."""
    for length in lengths:
        starts = pool.clip_starts(id, length)
        for k in rng.permutation(len(starts)).tolist():
            clip = ClipRef(id, starts[k], length)
            if avoid is None or not _touch(pool.extent(clip), avoid):
                yield clip


def _touch(a: Stretch, b: Stretch) -> bool:
    """Whether two stretches share a sample."""
    return a[0] < b[1] and b[0] < a[1]


def place_anywhere(pool: SpeechPool, id: str, segment: int, rng: np.random.Generator) -> Stretch | None:
    """Draw a stretch of ``segment`` samples, or the whole of a shorter recording; None if it is all silent."""
    size = pool.outline(id).size
    length = min(segment, size)
    return _with_voice(pool, id, [(0, size - length)], length, rng)


def place_beside_clip(
    pool: SpeechPool, id: str, segment: int, lengths: Sequence[int], rng: np.random.Generator
) -> Stretch | None:
    """Draw a stretch that leaves room for an enrolment clip in the same recording.

    The longest clip that leaves ``segment`` samples is allowed for; on a short recording the clip is the
    shortest and the stretch what is left beside it.

    Returns
    -------
    tuple of int or None
        First sample and length at the pool's rate; None if there is no room for both.
    """
    size, room = pool.outline(id).size, None
    for length in lengths:
        starts = pool.clip_starts(id, length)
        if not starts:
            continue
        latest, earliest = (ClipRef(id, start, length) for start in (starts[-1], starts[0]))
        room = before, after = pool.extent(latest)[0], pool.extent(earliest)[1]
        found = _with_voice(pool, id, [(0, before - segment), (after, size - segment)], segment, rng)
        if found:
            return found
    if room is None:
        return None
    rest = min(segment, max(room[0], size - room[1]))
    if rest < MIN_TARGET * pool.rate:
        return None
    return _with_voice(pool, id, [(0, room[0] - rest), (room[1], size - rest)], rest, rng)


def _with_voice(
    pool: SpeechPool, id: str, starts: Sequence[Stretch], length: int, rng: np.random.Generator
) -> Stretch | None:
    """Draw a start from ranges (ends included) such that half of the stretch is voiced; any voice after ten tries."""
    allowed = [range(max(first, 0), last + 1) for first, last in starts if last >= max(first, 0)]
    if len(allowed) == 2 and allowed[1].start <= allowed[0].stop:
        allowed = [range(allowed[0].start, max(r.stop for r in allowed))]
    if not allowed or length < 1:
        return None
    kept, best, most = pool.outline(id).kept, None, 0
    for _ in range(10):
        k = int(rng.integers(sum(map(len, allowed))))
        start = allowed[0][k] if k < len(allowed[0]) else allowed[1][k - len(allowed[0])]
        voiced = kept.overlap(start, start + length)
        if voiced > most:
            best, most = (start, length), voiced
        if 2 * voiced >= length:
            break
    return best
