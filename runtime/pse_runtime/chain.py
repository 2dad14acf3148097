"""What samples go through, live: whoever is kept, what mends, what mixes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from .control import Control, ControlledStream
from .errors import AudioError, ConfigError
from .guard import CleanedStream, RecoveringStream, Restartable
from .hops import HopStream
from .live_enrolment import FADE, WARM_UP, EnrollingStream
from .live_model import LiveModel
from .mixing import MixedStream
from .options import LiveOptions
from .resampling import BlockProcessor, ResampledStream
from .say import remark
from .switching import PassingStream, SwitchingStream
from .voices import find_voices, read_voices

Start = Callable[[], BlockProcessor]


def starter(model: LiveModel, options: LiveOptions, stack: ExitStack) -> Start:
    """Read who is to be kept, and give what starts a stream for them at the model's rate.

    Parameters
    ----------
    model : LiveModel
    options : LiveOptions
        Checked before.
    stack : ExitStack
        Closes what is open at the end.

    Raises
    ------
    PseError
        If somebody's profile or clip cannot be used.
    """
    if not model.needs_cue and (options.control is not None or options.enrol_live is not None):
        raise ConfigError(
            "this model keeps whoever speaks: there is nobody to choose or to enrol; leave "
            f"{'--control' if options.control is not None else '--enrol-live'} out"
        )
    if options.control is not None:
        start = _choosing(model, options, stack.enter_context(Control(options.control)))
    elif options.enrol_live is not None:
        model.check_enrols()
        start = _enrolling(model, options, options.enrol_live, stack)
    else:
        profile = model.read(options.enrol)
        _save(profile, options)
        start = lambda: model.start(profile)  # noqa: E731 - one of three
    return lambda: RecoveringStream(start(), model.broken)


def outer(stream: BlockProcessor, options: LiveOptions) -> BlockProcessor:
    """Put around a stream, at the rate of the audio, what mends its input and mixes it in."""
    return CleanedStream(MixedStream(stream, options.dry) if options.dry else stream)


def most_held(model: LiveModel, rate: int, block: int) -> int:
    """Measure how many samples at a rate in Hz are in and not yet out at most, when a block has come."""
    stream = ResampledStream(PassingStream(model.hop, model.latency), rate, model.sample_rate)
    for _ in range(8 + rate // block):
        stream.feed(np.zeros(block, np.float32))
    return stream.held


def _choosing(model: LiveModel, options: LiveOptions, control: Control) -> Callable[[], Restartable]:
    """Give what starts a stream that changes to whoever is named; all are made ready now."""
    voices: dict[str, Any] = {}
    if options.enrol:
        voices["enrolled"] = model.read(options.enrol)
        _save(voices["enrolled"], options)
    voices |= read_voices(find_voices(options.profiles, options.profile), model.read)

    def start() -> Restartable:
        streams = {name: model.start(profile) for name, profile in voices.items()}
        first = next(iter(streams))
        remark(f"keeping {first}; write a name to {options.control}: {', '.join(streams)}")
        rate = model.sample_rate
        switching: SwitchingStream[HopStream] = SwitchingStream(
            lambda stream: stream, streams[first], round(FADE * rate), round(WARM_UP * rate)
        )
        return ControlledStream(switching, streams, control)

    return start


def _enrolling(
    model: LiveModel, options: LiveOptions, seconds: float, stack: ExitStack
) -> Callable[[], Restartable]:
    """Give what starts a stream that keeps whoever speaks first; at the end it is an error if nobody has."""
    made: list[Any] = []

    def done(profile: Any) -> None:
        made.append(profile)
        _save(profile, options)

    def check(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not made:
            raise AudioError(
                "nobody was enrolled, and no profile written: too little speech came before the end; let there be "
                "more, or take a smaller --enrol-live"
            )

    stack.push(check)
    return lambda: EnrollingStream(
        model.enrol,
        model.start,
        model.sample_rate,
        model.hop,
        model.latency,
        seconds,
        options.mute_until_enrolled,
        done,
    )


def _save(profile: Any, options: LiveOptions) -> None:
    """Keep a profile where that was asked for."""
    if options.save_profile is not None and profile is not None:
        profile.save(options.save_profile)
        remark(f"wrote {options.save_profile}")
