"""Recurrent layers of one frame, as products and pointwise steps: so they quantise, and need no loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError


def take_apart(module: nn.Module) -> nn.Module:
    """Let every GRU and LSTM inside a module work on inputs of one frame only, step by step.

    Raises
    ------
    ConfigError
        If one runs both ways, projects its state, or has not the batch first.

    Examples
    --------
    >>> gru, x, h = nn.GRU(3, 4, 2, batch_first=True), torch.randn(1, 1, 3), torch.randn(2, 1, 4)
    >>> fused = gru(x, h)[1]
    >>> bool(torch.allclose(take_apart(gru)(x, h)[1], fused, atol=1e-6))
    True
    """
    for layers in module.modules():
        if isinstance(layers, nn.GRU | nn.LSTM):
            if layers.bidirectional or layers.proj_size or not layers.batch_first:
                raise ConfigError("it has a recurrent layer that cannot go frame by frame")
            layers.forward = partial(_one_frame, layers)  # type: ignore[method-assign]
    return module


def _one_frame(layers: nn.GRU | nn.LSTM, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Take a frame ``[B, 1, C]`` and the state ``[layers, B, hidden]``, of an LSTM two of them."""
    long_short = isinstance(layers, nn.LSTM)
    hidden, cells = state if long_short else (state, state)
    new: list[tuple[Tensor, ...]] = []
    x = x[:, 0]
    for i in range(layers.num_layers):
        of_input, of_hidden = _mapped(layers, "ih", i, x), _mapped(layers, "hh", i, hidden[i])
        if long_short:
            new.append(_lstm(of_input + of_hidden, cells[i]))
        else:
            new.append((_gru(of_input, of_hidden, hidden[i]),))
        x = new[-1][0]
    stacked = tuple(torch.stack(parts) for parts in zip(*new))
    return x.unsqueeze(1), stacked if long_short else stacked[0]


def _mapped(layers: nn.GRU | nn.LSTM, what: str, i: int, x: Tensor) -> Tensor:
    bias = getattr(layers, f"bias_{what}_l{i}") if layers.bias else None
    return functional.linear(x, getattr(layers, f"weight_{what}_l{i}"), bias)


def _gru(of_input: Tensor, of_hidden: Tensor, hidden: Tensor) -> Tensor:
    reset, update, candidate = of_input.chunk(3, -1)
    reset_h, update_h, candidate_h = of_hidden.chunk(3, -1)
    candidate = torch.tanh(candidate + torch.sigmoid(reset + reset_h) * candidate_h)
    return candidate + torch.sigmoid(update + update_h) * (hidden - candidate)


def _lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    take, forget, candidate, give = gates.chunk(4, -1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(candidate)
    return torch.sigmoid(give) * torch.tanh(cell), cell
