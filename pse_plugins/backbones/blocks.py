"""A window of the past over a long signal, block by block: work and memory grow with the length, not its square."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

_LEAST = 32  # frames; shorter blocks are more work to cut than to attend to


@dataclass(frozen=True)
class Blocks:
    """Frames that see ``look_back`` others behind them, cut into blocks that are then as many items of a batch.

    Parameters
    ----------
    frames : int
        How many ``t``; few are one block.
    look_back : int
        ``W``.

    Examples
    --------
    >>> import torch
    >>> blocks = Blocks(frames=70, look_back=40)
    >>> x, past = torch.randn(2, 70, 3), torch.randn(2, 40, 3)
    >>> blocks.size, blocks.count, list(blocks.windows(torch.cat([past, x], 1)).shape)
    (24, 3, [6, 64, 3])
    >>> bool((blocks.join(blocks.cut(x)) == x).all())
    True
    """

    frames: int
    look_back: int

    @property
    def size(self) -> int:
        """Frames of a block, half of those it looks back on: then it sees little that no frame of it may see."""
        return -(-self.frames // self.count)

    @property
    def count(self) -> int:
        """Blocks ``n``; the last one is filled up."""
        return -(-self.frames // max(self.look_back // 2, _LEAST))

    def cut(self, x: Tensor) -> Tensor:
        """Cut ``[B, t, C]`` into ``[B n, size, C]``."""
        return self._fill(x).unflatten(1, (self.count, self.size)).flatten(0, 1)

    def windows(self, x: Tensor) -> Tensor:
        """Cut past and present, ``[B, W + t, C]``, into what each block sees, ``[B n, W + size, C]``."""
        if self.count == 1:
            return x
        windows = self._fill(x).unfold(1, self.look_back + self.size, self.size)  # [B, n, C, W + size]
        return windows.flatten(0, 1).transpose(1, 2)

    def join(self, blocks: Tensor) -> Tensor:
        """Undo `cut`."""
        return blocks.unflatten(0, (-1, self.count)).flatten(1, 2)[:, : self.frames]

    def _fill(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, 0, 0, self.count * self.size - self.frames))
