"""The errors a user can cause: each says what is wrong and what to do, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pse_runtime.errors import AudioError, BundleError, ConfigError, PseError

__all__ = ["AudioError", "BundleError", "ComponentError", "ConfigError", "DataError", "PseError", "nearest"]


class ComponentError(PseError):
    """An unknown component, an ambiguous name, or an option that a component does not take."""


class DataError(PseError):
    """A corpus or manifest that cannot be used: missing folder, too few speakers, stale list."""


def nearest(name: str, known: Iterable[str], alike: float = 0.5) -> str:
    """Say which known name a misspelt one may have meant, large letters or small.

    Parameters
    ----------
    name : str
        What the user wrote.
    known : iterable of str
        What would have been accepted.
    alike : float
        How much of the two must agree, from 0 to 1.

    Returns
    -------
    str
        ``"; did you mean 'film'?"``, or an empty string when nothing is near.

    Examples
    --------
    >>> nearest("flim", ["film", "concat"])
    "; did you mean 'film'?"
    """
    written = {each.lower(): each for each in known}
    match = difflib.get_close_matches(name.lower(), written, n=1, cutoff=alike)
    return f"; did you mean {written[match[0]]!r}?" if match else ""
