"""Cross-attention to the enrolment."""

from __future__ import annotations

from torch import Tensor, nn

from ..contracts import Conditioner, Prepared, SpeakerCue
from .reading import read_cue


class CrossAttention(Conditioner):
    """``LN(Y' + MHA(Y', H', H'))``, equation 5 of Zhang et al., "Cross-attention is all you need".

    Each frame asks the speaker encoder's hidden states; keys and values are made once per speaker.

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
    ) -> None:
        super().__init__()
        self.view, self.heads, self.normalise = view, heads, normalise
        inner = heads * (head_dim or max(1, dim // heads))
        self.query = nn.Linear(dim, inner)
        self.key = nn.Linear(cue_dim, inner)
        self.value = nn.Linear(cue_dim, inner)
        self.out = nn.Linear(inner, dim)
        self.norm = nn.LayerNorm(dim)

    def prepare(self, cue: SpeakerCue) -> Prepared:
        """Make keys and values ``[B, heads, rows, head_dim]`` and the bias ``[B, 1, 1, rows]`` that masks."""
        tokens, mask = read_cue(cue, self.view, self.normalise)
        bias = tokens.new_zeros(mask.shape).masked_fill(
            ~mask, -1e9
        )  # finite: all masked still gives a number
        return Prepared(
            {
                "key": self._split(self.key(tokens)),
                "value": self._split(self.value(tokens)),
                "bias": bias[:, None, None],
            }
        )

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Let frames ``[B, T, C]`` attend to the enrolment."""
        attended = self.attention(x, prepared) @ prepared.tensors["value"]  # [B, heads, T, head_dim]
        return self.norm(x + self.out(attended.transpose(1, 2).flatten(2)))

    def attention(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Give the attention weights ``[B, heads, T, rows]`` of frames ``[B, T, C]``."""
        query = self._split(self.query(x))
        scores = query @ prepared.tensors["key"].transpose(-1, -2) * query.shape[-1] ** -0.5
        return (scores + prepared.tensors["bias"]).softmax(-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
