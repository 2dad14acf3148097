"""Cross-attention to the enrolment."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue
from ..errors import ConfigError, nearest

QUERIES = ("frame", "learned")
"""Who asks the enrolment; see `CrossAttention`."""


class CrossAttention(Conditioner):
    """``LN(Y' + MHA(Y', H', H'))``, equation 5 of Zhang et al., "Cross-attention is all you need".

    Each frame asks the speaker encoder's hidden states; keys and values are made once per speaker.

    Two controls tell what that brings. With ``query: learned`` all frames share one learned query a head:
    attentive pooling of the enrolment, in the same place, with the same norm and residual, and made once per
    speaker. With ``view: vector`` the enrolment is one token, so every frame gets the same: attention over
    any number of copies of a vector is attention over the vector.

    Parameters
    ----------
    dim : int
        Channels ``C`` of the features.
    cue_dim : int
        Width of the view that is read.
    view : str
        Which `SpeakerCue.view`: ``"frames"`` of one utterance, or ``"utterances-last"`` of several.
    heads : int
        Attention heads.
    head_dim : int or None
        Width of each; ``dim // heads`` when None.
    normalise : bool
        Bring each token to zero mean and unit variance first.
    query : str
        ``"frame"``: each frame asks. ``"learned"``: a learned query does.
    dropout : float
        Of what attention adds, in training; the paper has 0.1.

    Raises
    ------
    ConfigError
        If there is no such query.

    Examples
    --------
    To see where frames look, catch what a layer's conditioner is given, and ask it:

    >>> cue = SpeakerCue(torch.randn(1, 1, 9, 6), torch.ones(1, 1, 9, dtype=torch.bool), torch.randn(1, 1, 6))
    >>> asked, inner = [], CrossAttention(dim=8, cue_dim=6, heads=2)
    >>> _ = inner.register_forward_hook(lambda module, given, _: asked.append(module.attention(*given)))
    >>> _ = inner(torch.randn(1, 5, 8), inner.prepare(cue))
    >>> list(asked[0].shape), bool(asked[0].sum(-1).allclose(torch.ones(())))
    ([1, 2, 5, 9], True)
    """

    site = "after-attention"

    def __init__(
        self,
        dim: int,
        cue_dim: int,
        view: str = "frames",
        heads: int = 8,
        head_dim: int | None = None,
        normalise: bool = True,
        query: str = "frame",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if query not in QUERIES:
            raise ConfigError(
                f"cross-attention: no query {query!r}{nearest(query, QUERIES)}; use one of {', '.join(QUERIES)}"
            )
        self.view, self.heads, self.normalise = view, heads, normalise
        head_dim = head_dim or max(1, dim // heads)
        inner = heads * head_dim
        self.query = nn.Linear(dim, inner) if query == "frame" else None
        if self.query is None:  # spread as the queries of normalised frames are
            self.learned = nn.Parameter(torch.empty(1, heads, 1, head_dim).uniform_(-1.0, 1.0))
        self.key = nn.Linear(cue_dim, inner)
        self.value = nn.Linear(cue_dim, inner)
        self.out = nn.Linear(inner, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Make keys ``[B, heads, head_dim, rows]``, values the other way round, and the bias ``[B, 1, 1, rows]``.

        With a learned query also the weights ``[B, heads, 1, rows]``, and what they give every frame,
        ``[B, 1, C]``.
        """
        tokens, mask = cue.view(self.view, self.normalise)
        bias = tokens.new_zeros(mask.shape).masked_fill(
            ~mask, -1e9
        )  # finite: all masked still gives a number
        key, value = self._split(self.key(tokens)), self._split(self.value(tokens))
        across = key.transpose(-1, -2).contiguous()  # as frames will meet them
        asked = Prepared({"key": across, "value": value, "bias": bias[:, None, None]})
        if self.query is not None:
            return asked
        weights = _weights(self.learned, asked)
        return Prepared({"weights": weights, "pooled": self._read(weights, value)})

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Let frames ``[B, T, C]`` attend to the enrolment."""
        if self.query is None:
            added = prepared.tensors["pooled"].expand_as(x)
        else:
            added = self._read(self.attention(x, prepared), prepared.tensors["value"])
        return self.norm(x + self.dropout(added))

    def attention(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Give the attention weights ``[B, heads, T, rows]`` of frames ``[B, T, C]``."""
        if self.query is None:
            return prepared.tensors["weights"].expand(-1, -1, x.shape[1], -1)
        return _weights(self._split(self.query(x)), prepared)

    def _read(self, weights: Tensor, value: Tensor) -> Tensor:
        """Weight the values, ``[B, T, C]``."""
        return self.out((weights @ value).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _weights(query: Tensor, prepared: Prepared) -> Tensor:
    """Let queries ``[B, heads, T, head_dim]`` choose among the keys, ``[B, heads, T, rows]``."""
    scores = (query * query.shape[-1] ** -0.5) @ prepared.tensors["key"]
    return (scores + prepared.tensors["bias"]).softmax(-1)
