"""How far long work is: a bar on a terminal, and elsewhere, as in a log, a plain line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from ._speaker import remark

Told = Callable[[int, int], None]
"""Takes what is done, and how much there is in all."""

_EVERY = 30.0
"""Seconds after which a line comes, however little was done."""


@contextmanager
def progress(what: str, total: int) -> Iterator[Told]:
    """Show on stderr how far work is.

    Parameters
    ----------
    what : str
        Is done: ``"evaluating"``.
    total : int
        Items.

    Yields
    ------
    callable
        To be told what is done.
    """
    if not sys.stderr.isatty():
        yield Lines(what)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Lines:
    """A line at the first item, at each tenth, and at least every 30 s.

    Parameters
    ----------
    what : str
        Is done.
    clock : callable
        Gives seconds.
    say : callable
        Takes a line.
    """

    def __init__(
        self, what: str, clock: Callable[[], float] = monotonic, say: Callable[[str], None] = remark
    ) -> None:
        self._what, self._clock, self._say = what, clock, say
        self._began: tuple[int, float] | None = None
        self._tenth, self._told = -1, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Be told, and say it if it is time."""
        now = self._clock()
        began, since = self._began = self._began or (done, now)
        tenth = 10 * done // total
        if tenth <= self._tenth and now - self._told < _EVERY:
            return
        self._tenth, self._told = tenth, now
        rest = ""
        if done == began and done > 1:
            rest = ", kept from before"
        elif began < done < total:
            rest = f", {_duration((total - done) * (now - since) / (done - began))} left"
        self._say(f"{self._what}: {done} of {total} items{rest}")


def _duration(seconds: float) -> str:
    """Say a time roughly.

    Examples
    --------
    >>> _duration(12.3), _duration(150), _duration(9000)
    ('12 s', '2 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
