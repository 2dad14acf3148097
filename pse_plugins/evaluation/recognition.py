"""Recognisers at work: found once, used on every row, each failure kept with its reason."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from .. import host
from ..contracts import Recogniser
from ..errors import ConfigError, PseError

NO_JIWER = 'jiwer is not installed: pip install "pse-plugins[wer]"'

Said = tuple[str, str]
"""What was heard, and why there is nothing."""


@dataclass(frozen=True)
class Listener:
    """A recogniser with its options, as other processes can be told.

    Parameters
    ----------
    name : str
        Of the recogniser.
    options : str
        Its options as JSON.
    provider : str
        Who offers it, ``"pse-plugins 0.1.0"``.
    remark : str
        Why it cannot be used at all; empty if it can.
    """

    name: str
    options: str
    provider: str
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give plain values."""
        return {**asdict(self), "options": json.loads(self.options)}

    def __str__(self) -> str:
        given = "" if self.options == "{}" else f" with {self.options}"
        return f"{self.name} ({self.provider}){given}"


def find_listener(name: str | None, options: Mapping[str, Any] | None = None) -> Listener | None:
    """Find a recogniser and build it, before any work is done.

    Parameters
    ----------
    name : str or None
        None for no recognition.
    options : mapping or None
        Of the recogniser.

    Returns
    -------
    Listener or None
        With a remark, where a package that it needs is not installed: nothing else has to stop for that.

    Raises
    ------
    ComponentError
        If the recogniser or an option is unknown.
    ConfigError
        If the recogniser refuses an option, or there are options without a recogniser.
    """
    if name is None:
        if options:
            raise ConfigError(f"recogniser options {dict(options)} without a recogniser; name one")
        return None
    component = host.get_host().find("recogniser", name)
    given = json.dumps(dict(options or {}), sort_keys=True, default=str)
    listener = Listener(name, given, component.provider)
    try:
        factory = host.get_host().load(component)
    except PseError as error:
        return replace(listener, remark=str(error))
    remark = factory.available() if hasattr(factory, "available") else ""
    if not remark and importlib.util.find_spec("jiwer") is None:
        remark = NO_JIWER
    try:
        if not remark:
            _build(listener.name, listener.options)
    except ImportError as error:
        remark = f"{name}: {error}"
    return replace(listener, remark=remark)


def transcribe(listener: Listener, samples: np.ndarray, rate: int) -> Said:
    """Hear a waveform ``[S]`` at a rate in Hz; what goes wrong is said, and never taken for silence."""
    if not np.isfinite(samples).all():
        return "", "the estimate holds NaN or infinite samples"
    try:
        said = _build(listener.name, listener.options)(samples, rate)
    except Exception as error:
        return "", " ".join(f"{type(error).__name__}: {error}".split())
    return (said, "") if isinstance(said, str) else ("", f"it gave a {type(said).__name__}, not text")


@lru_cache(maxsize=1)
def _build(name: str, options: str) -> Recogniser:
    """Build a recogniser once a process."""
    return host.build("recogniser", name, **json.loads(options))
