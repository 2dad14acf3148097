"""A stream whose result is looked at: what is not finite is an error, and is never written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..blame import suspects
from ..errors import ComponentError

if TYPE_CHECKING:
    from pse_runtime.resampling import BlockProcessor

    from ..enhancer import Enhancer


class FiniteStream:
    """Gives what another stream gives, if it is finite.

    Parameters
    ----------
    inner : BlockProcessor
        The stream.
    enhancer : Enhancer
        What it runs.

    Raises
    ------
    ComponentError
        From `feed` and `flush`, with what to check.
    """

    def __init__(self, inner: BlockProcessor, enhancer: Enhancer) -> None:
        self._inner, self._enhancer = inner, enhancer

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Take ``[n]`` samples and give those that are ready."""
        return self._checked(self._inner.feed(block))

    def flush(self) -> np.ndarray:
        """Give the rest."""
        return self._checked(self._inner.flush())

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        if np.isfinite(samples).all():
            return samples
        raise not_finite(self._enhancer)


def not_finite(enhancer: Enhancer) -> ComponentError:
    """Say that a model gives what is not finite, and what to check."""
    encoder = enhancer.speaker_encoder  # a frozen one is none of the modules
    parts = [*enhancer.modules(), *(encoder.modules() if encoder else ())]
    return ComponentError(
        f"the model gives NaN or infinite samples{suspects(parts) or '; train it again, or take another --model'}"
    )
