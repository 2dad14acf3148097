"""From modules to ONNX graphs, with names."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError

OPSET = 20
"""Of the operators in exported graphs."""


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    what: str,
    dynamic: Mapping[str, Mapping[int, str]] = {},
) -> Any:
    """Make a graph of a module.

    Parameters
    ----------
    module : nn.Module
        Called with the list of all inputs.
    inputs : mapping
        Name -> an example.
    outputs : sequence of str
        Names of what it gives.
    what : str
        What it is, for messages.
    dynamic : mapping
        Name of an input -> axis -> name of its length, where lengths may change.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ConfigError
        If ``onnx`` is not installed, or a part of the module cannot be exported; with the reason.
    """
    need_exporter()
    lengths = {n: torch.export.Dim(n) for axes in dynamic.values() for n in axes.values()}
    shapes = [{axis: lengths[n] for axis, n in dynamic.get(name, {}).items()} for name in inputs]
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                module.eval(),
                (list(inputs.values()),),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=(shapes,),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise ConfigError(f"{what} cannot be exported: {_reason(error)}") from error
    return program.model_proto


def need_exporter() -> None:
    """Raise `ConfigError` if what writes graphs is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'exporting needs {error.name}, which is not installed; pip install "pse-plugins[export]"'
        ) from error


def _reason(error: BaseException) -> str:
    """Find the line that says what it is about, among those of the exporter."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {(lines or ['no reason given'])[0][:200]}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks to itself; what goes wrong is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
