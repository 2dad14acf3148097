"""Some of what came in, mixed with what comes out."""

from __future__ import annotations

import numpy as np

from .errors import ConfigError
from .resampling import BlockProcessor


def dry_share(max_suppression_db: float | None = None, dry_wet: float = 1.0) -> float:
    """Say how much of the input is to be heard.

    Parameters
    ----------
    max_suppression_db : float or None
        The most that is to be removed, in dB; None removes what the model removes.
    dry_wet : float
        0 gives the input, 1 the result.

    Returns
    -------
    float
        The input's share, from 0 to 1.

    Raises
    ------
    ConfigError
        If one is out of range.

    Examples
    --------
    >>> dry_share(), dry_share(20.0), dry_share(dry_wet=0.25)
    (0.0, 0.1, 0.75)
    """
    if max_suppression_db is not None and not 0 <= max_suppression_db <= 200:
        raise ConfigError(f"--max-suppression-db is from 0 to 200 dB, got {max_suppression_db:g}")
    if not 0 <= dry_wet <= 1:
        raise ConfigError(f"--dry-wet is from 0, the input, to 1, the result; got {dry_wet:g}")
    kept = 0.0 if max_suppression_db is None else 10.0 ** (-max_suppression_db / 20)
    return 1.0 - dry_wet * (1.0 - kept)


class MixedStream:
    """Gives what another stream gives and, sample by sample in time with it, some of what came in.

    Parameters
    ----------
    inner : BlockProcessor
        A stream whose samples are aligned with its input.
    dry : float
        The input's share, from 0 to 1.
    """

    def __init__(self, inner: BlockProcessor, dry: float) -> None:
        self._inner, self._dry = inner, np.float32(dry)
        self._waiting = np.zeros(0, np.float32)

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        self._waiting = np.concatenate([self._waiting, block])
        return self._mixed(self._inner.feed(block))

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._mixed(self._inner.flush())

    def _mixed(self, wet: np.ndarray) -> np.ndarray:
        dry, self._waiting = self._waiting[: len(wet)], self._waiting[len(wet) :]
        return self._dry * dry + (1 - self._dry) * wet
