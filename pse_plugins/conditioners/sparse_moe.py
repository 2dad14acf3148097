"""A sparse mixture of experts, gated by the speaker."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue
from ..errors import ConfigError


class SparseMoe(Conditioner):
    """``LN(x + sum_k p_k E_k(x))``, the gate ``p`` a softmax of the cue with a large base.

    In training all experts run, weighted by a soft gate of base ``e^temperature`` (Sivaraman & Kim use
    ``e^10``). In evaluation each utterance runs only its own ``top_k`` experts, their weights renormalised, so
    the cost per frame does not grow with ``experts``.

    Parameters
    ----------
    dim : int
        Channels ``C`` of the features.
    cue_dim : int
        Width of the view that is read.
    view : str
        Which `SpeakerCue.view`: one vector.
    experts : int
        How many ``K``.
    top_k : int
        How many of them run in evaluation.
    hidden : int or None
        Width inside an expert; ``dim`` when None.
    temperature : float
        Logarithm of the softmax's base.
    balance : float
        Weight of the load-balance loss ``K sum_k mean(p_k)^2 - 1`` (0 when all experts are used alike).
    normalise : bool
        Bring the cue to zero mean and unit variance first.

    Raises
    ------
    ConfigError
        If ``top_k`` is not between 1 and ``experts``.
    """

    site = "after-attention"

    def __init__(
        self,
        dim: int,
        cue_dim: int,
        view: str = "vector",
        experts: int = 4,
        top_k: int = 1,
        hidden: int | None = None,
        temperature: float = 10.0,
        balance: float = 0.01,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= top_k <= experts:
            raise ConfigError(f"sparse-moe: top_k must lie between 1 and experts ({experts}), got {top_k}")
        self.view, self.normalise = view, normalise
        self.top_k, self.temperature, self.balance = top_k, temperature, balance
        hidden = hidden or dim
        self.gate = nn.Linear(cue_dim, experts)
        nn.init.normal_(self.gate.weight, std=0.1 * cue_dim**-0.5)  # times the temperature: soft at first
        nn.init.zeros_(self.gate.bias)
        self.up = nn.Parameter(torch.empty(experts, dim, hidden).uniform_(-(dim**-0.5), dim**-0.5))
        self.bias = nn.Parameter(torch.zeros(experts, 1, hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, dim).uniform_(-(hidden**-0.5), hidden**-0.5))
        self.norm = nn.LayerNorm(dim)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Gate the experts: all ``K`` with their weights in training, those of the utterance in evaluation."""
        vector = cue.view(self.view, self.normalise)[0][:, 0]  # [B, cue_dim]
        gates = (self.temperature * self.gate(vector)).softmax(-1)
        if not self.training:
            weights, chosen = gates.topk(self.top_k, dim=-1)
            own = {"up": self.up[chosen], "bias": self.bias[chosen], "down": self.down[chosen]}
            return Prepared({"weights": weights / weights.sum(-1, keepdim=True), **own})
        loss = self.balance * (gates.shape[1] * gates.mean(0).square().sum() - 1)
        every = {"up": self.up, "bias": self.bias, "down": self.down}
        expanded = {name: tensor.expand(len(gates), *tensor.shape) for name, tensor in every.items()}
        return Prepared({"weights": gates, **expanded}, {"balance": loss})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Run features ``[B, T, C]`` through the gated experts."""
        up, bias, down = (prepared.tensors[name] for name in ("up", "bias", "down"))  # [B, k, ...]
        hidden = torch.relu(x.unsqueeze(1) @ up + bias)  # [B, k, T, hidden]
        mixed = hidden * prepared.tensors["weights"][..., None, None] @ down  # [B, k, T, C]
        return self.norm(x + mixed.sum(1))
