"""What keeps a stream going: input of any kind made fit, a state that has gone bad thrown away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from .errors import AudioError, PseError
from .resampling import BlockProcessor
from .say import remark

LOUDEST = 10.0
"""Input beyond this, 20 dB over full scale, is limited."""

_FAINTEST = 1e-30  # what is weaker is taken for 0: denormal numbers are slow


class Restartable(BlockProcessor, Protocol):
    """A stream whose state can be thrown away."""

    def forget_signal(self) -> None:
        """Go on as if silence had come so far; what is owed stays owed."""


class CleanedStream:
    """Feeds another stream with finite samples of a sound level, whatever comes.

    NaN and infinite samples are taken for 0, those more than 20 dB over full scale are limited. Each is said once.

    Parameters
    ----------
    inner : BlockProcessor
        The stream.

    Attributes
    ----------
    unusable, limited : int
        Samples that were not finite, and too loud, so far.
    """

    def __init__(self, inner: BlockProcessor) -> None:
        self._inner = inner
        self.unusable = self.limited = 0

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples of any value and give those that are ready."""
        block = np.asarray(block, dtype=np.float32)
        level = np.abs(block)
        if not (level <= LOUDEST).all():
            block = self._mended(block)
        if (level < _FAINTEST).any():
            block = np.where(level < _FAINTEST, np.float32(0), block)
        return self._inner.feed(block)

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._inner.flush()

    def _mended(self, block: np.ndarray) -> np.ndarray:
        """Replace what is not finite and limit what is too loud."""
        bad = ~np.isfinite(block)
        loud = ~bad & (np.abs(block) > LOUDEST)
        if bad.any() and not self.unusable:
            remark("the input holds NaN or infinite samples: they are taken for silence")
        if loud.any() and not self.limited:
            remark("the input is more than 20 dB over full scale: it is limited; is its format right?")
        self.unusable += int(bad.sum())
        self.limited += int(loud.sum())
        return np.clip(np.where(bad, np.float32(0), block), -LOUDEST, LOUDEST)


class RecoveringStream:
    """Gives what another stream gives; where that is not finite, silence, and lets it forget what it heard.

    Parameters
    ----------
    inner : Restartable
        The stream.
    broken : callable
        Gives the error of a model that has given nothing finite yet: to forget would not help.

    Attributes
    ----------
    restarts : int
        How often it was made to forget.

    Raises
    ------
    PseError
        From `feed` and `flush`: what `broken` gives.
    """

    def __init__(self, inner: Restartable, broken: Callable[[], PseError] | None = None) -> None:
        self._inner, self._broken = inner, broken or _broken
        self._sound = False
        self.restarts = 0

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` finite samples and give those that are ready."""
        return self._checked(self._inner.feed(block))

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._checked(self._inner.flush())

    def forget_signal(self) -> None:
        """Go on as if silence had come so far."""
        self._inner.forget_signal()

    def _checked(self, out: np.ndarray) -> np.ndarray:
        if np.isfinite(out).all():
            self._sound = self._sound or len(out) > 0
            return out
        if not self._sound:
            raise self._broken()
        if not self.restarts:
            remark("the model gave NaN or infinite samples: silence instead, and it starts anew")
        self.restarts += 1
        self._inner.forget_signal()
        return np.zeros_like(out)


def _broken() -> PseError:
    return AudioError("the model gives NaN or infinite samples; export it again, or take another --model")
