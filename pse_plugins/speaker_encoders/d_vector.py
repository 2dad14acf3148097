"""The d-vector model trained with GE2E."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import SpeakerCue, SpeakerEncoder
from ..errors import BundleError, ConfigError
from .slaney import slaney_mel
from .trimming import without_silence
from .weights import load_weights

_FRAME, _HOP, _MELS = 400, 160, 40
_LEVEL_DB = -30.0
_QUIET, _MEAN, _DEVIATION = 1e-6, -4.0, 1.5  # of the logarithm of the power of a bin in speech at that level
_WINDOW, _STEP, _LEAST = 160, 77, 120  # frames: of a partial, between partials, in the last one


class DVector(SpeakerEncoder):
    """Three LSTM layers over mel frames; tokens are their hidden states, the vector a projection of the last.

    Wan et al., "Generalized end-to-end loss for speaker verification", 2018, with the input that the public
    weights of the ``resemblyzer`` package expect: power mel (no logarithm) at 16 kHz, 400/160 samples, of each
    clip without its long silences, raised to -30 dBFS if it is below.

    Parameters
    ----------
    weights : str or None
        ``"resemblyzer"`` for that package's weights, the path of a file like its ``pretrained.pt`` or of the
        ``encoder.safetensors`` that a training leaves, or None for random weights that are trained.
    hidden : int
        Width of LSTM, tokens and vectors.
    layers : int
        LSTM layers.
    partials : bool
        Average the vectors of overlapping stretches of 1.6 s, the length the weights were trained on, instead of
        taking one over the whole clip. Tells speakers apart better, at three times the work.
    log_mel : bool
        Hear the logarithm of the mel frames, about standardised: for weights that are trained here. Of power, which
        the public weights expect, a network learns from nothing very slowly.

    Raises
    ------
    BundleError
        If the weights cannot be found or read, or are another model's.
    ConfigError
        If a size is not positive.

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

    def __init__(
        self,
        weights: str | None = "resemblyzer",
        hidden: int = 256,
        layers: int = 3,
        partials: bool = False,
        log_mel: bool = False,
    ) -> None:
        super().__init__()
        if hidden < 1 or layers < 1:
            raise ConfigError(f"d-vector: hidden and layers must be at least 1, got {hidden} and {layers}")
        self.cue_dim = self.vector_dim = hidden
        self.partials, self.log_mel = partials, log_mel
        self.lstm = nn.LSTM(_MELS, hidden, layers, batch_first=True)
        self.linear = nn.Linear(hidden, hidden)
        self.register_buffer("mel", slaney_mel(_FRAME // 2 + 1, _MELS, self.sample_rate), persistent=False)
        self.register_buffer("window", torch.hann_window(_FRAME), persistent=False)
        if weights is not None:
            load_weights(self, _find(weights), log_mel=log_mel)
            self.freeze()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode clips ``[B, Q, S]``, lengths ``[B, Q]`` in samples at 16 kHz."""
        mel, frames = self._features(waveforms.flatten(0, 1), lengths.flatten())
        tokens = self.lstm(mel)[0]  # [B Q, N, E]
        mask = torch.arange(tokens.shape[1], device=tokens.device) < frames.unsqueeze(1)
        vectors = self._of_partials(mel, frames) if self.partials else self._vectors(tokens, frames)
        tokens = tokens * mask.unsqueeze(-1)
        return SpeakerCue(*(x.unflatten(0, tuple(lengths.shape)) for x in (tokens, mask, vectors)))

    def extra_repr(self) -> str:
        """Say what changes the cues besides the weights; it is part of the fingerprint."""
        return " ".join(name for name in ("partials", "log_mel") if getattr(self, name))

    def _vectors(self, tokens: Tensor, frames: Tensor) -> Tensor:
        """Project each row's last valid hidden state: ``[B, N, E]`` and counts ``[B]`` to ``[B, E]``."""
        index = (frames - 1).clamp(min=0)[:, None, None].expand(-1, 1, tokens.shape[2])
        vectors = torch.relu(self.linear(tokens.gather(1, index)[:, 0]))
        return functional.normalize(vectors, dim=1, eps=1e-6) * (frames > 0).unsqueeze(1)

    def _of_partials(self, mel: Tensor, frames: Tensor) -> Tensor:
        """Average the vectors of stretches of frames: ``[B, N, 40]`` and counts ``[B]`` to ``[B, E]``."""
        short = (_WINDOW - mel.shape[1]) if mel.shape[1] < _WINDOW else (_WINDOW - mel.shape[1]) % _STEP
        pieces = (
            functional.pad(mel, (0, 0, 0, short)).unfold(1, _WINDOW, _STEP).transpose(2, 3)
        )  # [B, W, 160, 40]
        left = frames.unsqueeze(1) - _STEP * torch.arange(pieces.shape[1], device=mel.device)  # [B, W]
        used = torch.where((left >= _LEAST) | (left == frames.unsqueeze(1)), left.clamp(max=_WINDOW), 0)
        vectors = self._vectors(self.lstm(pieces.flatten(0, 1))[0], used.flatten())
        return functional.normalize(vectors.unflatten(0, tuple(used.shape)).sum(1), dim=1, eps=1e-6)

    def _features(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Make mel frames ``[B, N, 40]`` of clips ``[B, S]``, and count each clip's ``[B]``."""
        waveforms = functional.pad(waveforms, (0, max(0, _FRAME - waveforms.shape[1])))
        valid = torch.arange(waveforms.shape[1], device=waveforms.device) < lengths.unsqueeze(1)
        waveforms, lengths = without_silence(waveforms * valid, lengths)
        power = waveforms.square().sum(1) / lengths.clamp(min=1)
        gain = (10 ** (_LEVEL_DB / 20) / power.clamp(min=1e-10).sqrt()).clamp(min=1.0)
        spectrum = torch.stft(
            waveforms * gain.unsqueeze(1),
            _FRAME,
            _HOP,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        energy = spectrum.real.square() + spectrum.imag.square()  # [B, F, N]
        mel = energy.transpose(1, 2) @ self.mel
        if self.log_mel:
            mel = (torch.log10(mel + _QUIET) - _MEAN) / _DEVIATION
        return mel, torch.where(lengths > 0, lengths // _HOP + 1, 0)


def _find(weights: str) -> Path:
    """Find the weights' file; the ``resemblyzer`` package is looked up, not imported."""
    if weights != "resemblyzer":
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
