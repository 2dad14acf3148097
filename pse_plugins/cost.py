"""What a module costs: parameters, multiply-accumulates, and time on one core."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Count a module's parameters, frozen ones too, each once.

    Examples
    --------
    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(run: Callable[[], Any]) -> int:
    """Count the multiply-accumulates of the matrix products, convolutions and attention in a call.

    What works on each element alone (activations, norms, the gates of recurrent layers) is not counted, as is
    usual; it is the smaller part by far.

    Parameters
    ----------
    run : callable
        Runs the module without gradients; it is called once.

    Returns
    -------
    int
        Half of the floating-point operations.

    Examples
    --------
    >>> layer = nn.GRU(5, 7)
    >>> count_macs(lambda: layer(torch.zeros(10, 1, 5))) == 10 * 3 * 7 * (5 + 7)
    True
    """
    with torch.no_grad(), _plain_kernels(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() // 2


def real_time_factor(run: Callable[[], Any], seconds: float, repeats: int = 5) -> float:
    """Measure how long a call takes on one core, per second of audio.

    Parameters
    ----------
    run : callable
        Works through the audio, without gradients.
    seconds : float
        Length of that audio.
    repeats : int
        The median of so many runs is taken, after one that is not counted.

    Returns
    -------
    float
        Below 1 is faster than the audio.
    """
    with torch.no_grad(), one_thread():
        run()
        return statistics.median(_timed(run) for _ in range(repeats)) / seconds


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch have one thread for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Take recurrent layers and attention apart into products that can be counted: fused ones are not seen."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the switch warns of GPUs that are not there
            with torch.backends.mkldnn.flags(enabled=False):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
