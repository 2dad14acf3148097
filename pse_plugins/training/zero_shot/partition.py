"""Who goes to which specialist: speakers divided by voice, by gender, or by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from ...data.manifest import read_json, write_json
from ...errors import ConfigError, DataError

KINDS = ("k-means", "gender", "random")


@dataclass(frozen=True)
class Partition:
    """Voices and the number of their specialist.

    Parameters
    ----------
    kind : {"k-means", "gender", "random"}
        How they were divided.
    labels : dict
        Voice -> specialist, of training voices and of those held out.
    centroids : list of list of float
        Of k-means, one a specialist; else empty.
    """

    kind: str
    labels: dict[str, int]
    centroids: list[list[float]]

    def voices(self, label: int, among: Sequence[str]) -> list[str]:
        """List the voices of a specialist among some."""
        return [voice for voice in among if self.labels[voice] == label]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def read(path: Path) -> Partition:
        """Read what `write` wrote.

        Raises
        ------
        DataError
            If it is missing or damaged.
        """
        return Partition(**read_json(path, "partition"))


def divide(
    kind: str,
    k: int,
    seed: int,
    train: Mapping[str, np.ndarray],
    held: Mapping[str, np.ndarray],
    genders: Mapping[str, str],
) -> Partition:
    """Divide training voices among ``k`` specialists, and assign those held out.

    Parameters
    ----------
    kind : {"k-means", "gender", "random"}
        By k-means over the embeddings of clean speech, by gender, or by chance in equal shares. Who is held out
        goes to the nearest centre, by gender, or by chance.
    k : int
        How many specialists.
    seed : int
        Of k-means and of chance.
    train, held : mapping
        Voice -> embedding ``[E]``, averaged over its recordings.
    genders : mapping
        Voice -> gender; needed for that kind only.

    Raises
    ------
    ConfigError
        If the kind is unknown, or ``k`` does not go with it.
    DataError
        If there are fewer voices than specialists, a specialist gets none, or genders are not known.

    Examples
    --------
    >>> voices = {"a": np.zeros(2), "b": np.ones(2), "c": np.ones(2)}
    >>> divided = divide("k-means", 2, 0, voices, {"d": np.full(2, 0.9)}, {})
    >>> divided.labels["d"] == divided.labels["b"] != divided.labels["a"]
    True
    """
    if kind not in KINDS:
        raise ConfigError(f"no partition {kind!r}; use one of {', '.join(KINDS)}")
    if not 1 <= k <= len(train):
        raise DataError(f"k = {k} specialists for {len(train)} training speakers; ask for 1 to {len(train)}")
    voices = {**train, **held}
    if kind == "gender":
        divided = Partition(kind, _by_gender(k, voices, genders), [])
    elif kind == "random":
        order = np.random.default_rng([seed, k]).permutation(len(voices))
        divided = Partition(kind, {voice: int(n) % k for voice, n in zip(voices, order)}, [])
    else:
        means = KMeans(k, n_init=10, random_state=seed).fit(np.stack(list(train.values())).astype(np.float64))
        found = means.predict(np.stack(list(voices.values())).astype(np.float64))
        centres = [[round(float(x), 6) for x in centre] for centre in means.cluster_centers_]
        divided = Partition(kind, {voice: int(n) for voice, n in zip(voices, found)}, centres)
    empty = [label for label in range(k) if not divided.voices(label, list(train))]
    if empty:
        raise DataError(f"specialist {empty[0]} of {k} gets no training speaker; ask for a smaller k")
    return divided


def _by_gender(k: int, voices: Mapping[str, np.ndarray], genders: Mapping[str, str]) -> dict[str, int]:
    unknown = sorted(voice for voice in voices if voice not in genders)
    if unknown:
        raise DataError(f"the gender of {unknown[0]} is not known; a partition by gender needs SPEAKERS.TXT")
    order = sorted({genders[voice] for voice in voices})
    if k != len(order):
        raise ConfigError(f"a partition by gender has {len(order)} parts, not {k}; set k: {len(order)}")
    return {voice: order.index(genders[voice]) for voice in voices}


def purity(partition: Partition, genders: Mapping[str, str]) -> float:
    """Give the share of voices whose gender is the most frequent one of their specialist; 0.5 is chance for two."""
    groups: dict[int, list[str]] = {}
    for voice, label in partition.labels.items():
        if voice in genders:
            groups.setdefault(label, []).append(genders[voice])
    total = sum(map(len, groups.values()))
    return sum(max(map(g.count, set(g))) for g in groups.values()) / total if total else float("nan")
