"""Cues of a frozen speaker encoder, computed once per recording, or once for many trainings."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..contracts import SpeakerCue, SpeakerEncoder
from ..data import ClipRef, SpeechPool
from ..errors import DataError


class CueBank:
    """Remembers the cues of the clips on each recording's grid.

    All clips of one length of one recording are encoded as one batch when the first of them is wanted. Their
    values so depend on the recording only, not on which batches asked: a resumed run repeats them bit by bit.

    Parameters
    ----------
    encoder : SpeakerEncoder
        Frozen.
    pools : sequence of SpeechPool
        Where clips are cut from; the first that knows the recording is asked.
    tokens : bool
        Keep the tokens too (as float16), not only the vectors.
    max_bytes : int
        The least recently used recordings are forgotten beyond this.
    folder : Path or None
        Keep all on disk, too, for other trainings with this encoder: a file a recording, named by what was heard.
    """

    def __init__(
        self,
        encoder: SpeakerEncoder,
        pools: Sequence[SpeechPool],
        tokens: bool,
        max_bytes: int = 4 << 30,
        folder: Path | None = None,
    ) -> None:
        self.encoder, self.pools, self.tokens, self.max_bytes = encoder, list(pools), tokens, max_bytes
        self.folder, self._encoder_id = folder, f"{encoder.fingerprint()} {tokens}" if folder else ""
        self._kept: OrderedDict[tuple[str, int], tuple[dict[ClipRef, int], SpeakerCue]] = OrderedDict()
        self._bytes = 0

    def __call__(self, clips: Sequence[Sequence[ClipRef]]) -> SpeakerCue:
        """Look up a batch of speakers' clips.

        Parameters
        ----------
        clips : sequence of sequence of ClipRef
            ``B`` speakers with up to ``Q`` clips each.

        Returns
        -------
        SpeakerCue
            Tokens ``[B, Q, N, E]``, of one frame where they are not kept.
        """
        width = max(len(row) for row in clips)
        found = [self._cue(ref) for row in clips for ref in row]
        frames = max(cue.mask.shape[0] for cue in found)
        tokens = found[0].tokens.new_zeros(
            len(clips), width, frames, found[0].tokens.shape[-1], dtype=torch.float32
        )
        mask = torch.zeros(len(clips), width, frames, dtype=torch.bool, device=tokens.device)
        vectors = torch.zeros(len(clips), width, found[0].vectors.shape[-1], device=tokens.device)
        rest = iter(found)
        for b, row in enumerate(clips):
            for q, _ in enumerate(row):
                cue = next(rest)
                n = cue.mask.shape[0]
                tokens[b, q, :n], mask[b, q, :n], vectors[b, q] = cue.tokens.float(), cue.mask, cue.vectors
        return SpeakerCue(tokens, mask, vectors)

    def _cue(self, ref: ClipRef) -> SpeakerCue:
        """Give one clip's cue without batch and utterance axes."""
        key = (ref.utterance, ref.length)
        if key not in self._kept:
            self._encode(key)
        self._kept.move_to_end(key)
        index, cues = self._kept[key]
        i = index[ref]
        return SpeakerCue(cues.tokens[i], cues.mask[i], cues.vectors[i])

    def _encode(self, key: tuple[str, int]) -> None:
        """Encode all clips of a recording."""
        utterance, length = key
        pool = next(p for p in self.pools if p.knows(utterance))
        grid = pool.clip_grid(utterance, length)
        cues = self._cached([torch.from_numpy(pool.clip(ref)) for ref in grid])
        self._kept[key] = ({ref: i for i, ref in enumerate(grid)}, cues)
        self._bytes += _size(cues)
        while self._bytes > self.max_bytes and len(self._kept) > 1:
            _, (_, old) = self._kept.popitem(last=False)
            self._bytes -= _size(old)

    def _cached(self, clips: Sequence[Tensor]) -> SpeakerCue:
        """Give the cues of clips, from the folder where they are in it."""
        if self.folder is None:
            return self._encode_clips(clips)
        digest = hashlib.sha256(self._encoder_id.encode())
        for clip in clips:
            digest.update(clip.numpy().tobytes())
        path = self.folder / f"{digest.hexdigest()[:32]}.safetensors"
        try:
            if path.is_file():
                return SpeakerCue(**load_file(path, str(self._device())))
            cues = self._encode_clips(clips)
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            save_file({n: t.contiguous() for n, t in vars(cues).items()}, part)
            os.replace(part, path)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"{path}: cannot be kept or read ({error}); remove it, free some disk space, or leave cue_folder out"
            ) from error
        return cues

    def _encode_clips(self, clips: Sequence[Tensor]) -> SpeakerCue:
        """Encode clips ``[S]`` as one batch."""
        lengths = torch.tensor([[len(clip)] for clip in clips], device=self._device())
        padded = nn.utils.rnn.pad_sequence(list(clips), batch_first=True).unsqueeze(1)  # [B, 1, S]
        with torch.no_grad():
            cue = self.encoder(padded.to(self._device()), lengths)
        kept = slice(None) if self.tokens else slice(0, 1)
        return SpeakerCue(cue.tokens[:, 0, kept].half(), cue.mask[:, 0, kept], cue.vectors[:, 0])

    def _device(self) -> torch.device:
        return next(iter([*self.encoder.parameters(), torch.zeros(0)])).device


def _size(cue: SpeakerCue) -> int:
    return sum(x.numel() * x.element_size() for x in (cue.tokens, cue.mask, cue.vectors))
