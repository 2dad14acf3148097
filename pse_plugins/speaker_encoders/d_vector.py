"""The d-vector model trained with GE2E."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import SpeakerCue, SpeakerEncoder
from ..errors import BundleError

_FRAME, _HOP, _MELS = 400, 160, 40
_LEVEL_DB = -30.0


class DVector(SpeakerEncoder):
    """Three LSTM layers over mel frames; tokens are their hidden states, the vector a projection of the last.

    Wan et al., "Generalized end-to-end loss for speaker verification", 2018, with the input that the public
    weights of the ``resemblyzer`` package expect: power mel (no logarithm) at 16 kHz, 400/160 samples, each clip
    raised to -30 dBFS if it is below.

    Parameters
    ----------
    weights : str or None
        ``"resemblyzer"`` for that package's weights, the path of a file like its ``pretrained.pt``, or None for
        random weights that are trained.
    hidden : int
        Width of LSTM, tokens and vectors.
    layers : int
        LSTM layers.

    Raises
    ------
    BundleError
        If the weights cannot be found or read, or are another model's.

    Examples
    --------
    >>> cue = DVector(weights=None)(torch.randn(2, 1, 16000), torch.tensor([[16000], [8000]]))
    >>> list(cue.tokens.shape), cue.mask.sum(2).tolist(), list(cue.vectors.shape)
    ([2, 1, 101, 256], [[101], [51]], [2, 1, 256])
    """

    sample_rate = 16000
    input = "waveform"
    mel: Tensor
    window: Tensor

    def __init__(self, weights: str | None = "resemblyzer", hidden: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.cue_dim = self.vector_dim = hidden
        self.lstm = nn.LSTM(_MELS, hidden, layers, batch_first=True)
        self.linear = nn.Linear(hidden, hidden)
        self.register_buffer("mel", _slaney_mel(_FRAME // 2 + 1, _MELS, self.sample_rate), persistent=False)
        self.register_buffer("window", torch.hann_window(_FRAME), persistent=False)
        if weights is not None:
            self._load(_find(weights))
            self.freeze()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode clips ``[B, Q, S]``, lengths ``[B, Q]`` in samples at 16 kHz."""
        batch, clips = lengths.shape
        mel, frames = self._features(waveforms.flatten(0, 1), lengths.flatten())
        tokens, _ = self.lstm(mel)  # [B Q, N, E]
        mask = torch.arange(tokens.shape[1], device=tokens.device) < frames.unsqueeze(1)
        last = tokens.gather(1, (frames - 1).clamp(min=0)[:, None, None].expand(-1, 1, tokens.shape[2]))[:, 0]
        present = (frames > 0).unsqueeze(1)
        vectors = functional.normalize(torch.relu(self.linear(last)), dim=1, eps=1e-6) * present
        tokens = tokens * mask.unsqueeze(-1)
        return SpeakerCue(*(x.unflatten(0, (batch, clips)) for x in (tokens, mask, vectors)))

    def _features(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Make mel frames ``[B, N, 40]`` of clips ``[B, S]``, and count each clip's ``[B]``."""
        valid = torch.arange(waveforms.shape[1], device=waveforms.device) < lengths.unsqueeze(1)
        waveforms = waveforms * valid
        power = waveforms.square().sum(1) / lengths.clamp(min=1)
        gain = (10 ** (_LEVEL_DB / 20) / power.clamp(min=1e-10).sqrt()).clamp(min=1.0)
        spectrum = torch.stft(
            functional.pad(waveforms * gain.unsqueeze(1), (0, max(0, _FRAME - waveforms.shape[1]))),
            _FRAME,
            _HOP,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        energy = spectrum.real.square() + spectrum.imag.square()  # [B, F, N]
        frames = torch.where(lengths > 0, lengths // _HOP + 1, 0)
        return energy.transpose(1, 2) @ self.mel, frames

    def _load(self, path: Path) -> None:
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            reason = type(error).__name__
            raise BundleError(f"{path}: not a file of d-vector weights ({reason}); give another") from error
        saved = saved.get("model_state", saved) if isinstance(saved, dict) else {}
        wanted = self.state_dict()
        kept = {k: v for k, v in saved.items() if k in wanted and v.shape == wanted[k].shape}
        if len(kept) < len(wanted):
            raise BundleError(
                f"{path}: lacks {', '.join(sorted(set(wanted) - set(kept))[:3])} of a d-vector of this size; "
                f"give the file it was trained as, or set hidden and layers as it has them"
            )
        self.load_state_dict(kept)


def _find(weights: str) -> Path:
    """Find the weights' file; the ``resemblyzer`` package is looked up, not imported."""
    if weights != "resemblyzer":
        if not Path(weights).is_file():
            raise BundleError(f"{weights}: no such file of d-vector weights; check the path")
        return Path(weights)
    spec = importlib.util.find_spec("resemblyzer")
    places = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(places[0] if places else "") / "pretrained.pt"
    if not places or not path.is_file():
        raise BundleError(
            "the d-vector's weights are not installed: pip install --no-deps resemblyzer "
            '(or pip install "pse-plugins[d-vector]", which needs a C compiler)'
        )
    return path


def _slaney_mel(bins: int, mels: int, rate: int) -> Tensor:
    """Make Slaney's mel filterbank ``[bins, mels]``: linear below 1 kHz, logarithmic above, of equal area."""
    step = math.log(6.4) / 27

    def hertz(mel: Tensor) -> Tensor:
        return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp(step * (mel - 15)))

    top = 15 + math.log(rate / 2 / 1000) / step
    edges = hertz(torch.linspace(0, top, mels + 2, dtype=torch.float64))
    bin_hertz = torch.linspace(0, rate / 2, bins, dtype=torch.float64).unsqueeze(1)  # [F, 1]
    rising = (bin_hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bin_hertz) / (edges[2:] - edges[1:-1])
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (edges[2:] - edges[:-2])).float()
