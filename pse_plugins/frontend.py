"""Audio to spectrum and back, side by side: whole-signal and streaming, with perfect reconstruction.

Frame ``t`` ends with sample ``(t + 1) hop``, so nothing looks ahead. The synthesis window may be shorter than
the analysis window (Mauler & Martin, "A low delay, variable resolution, perfect reconstruction spectral
analysis-synthesis system", EUSIPCO 2007): resolution comes from the one, latency from the other.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .contracts import State, StateSpec
from .errors import ConfigError, nearest

_SHAPES = {
    "hann": lambda n: torch.hann_window(n, dtype=torch.float64),
    "sqrt-hann": lambda n: torch.hann_window(n, dtype=torch.float64).sqrt(),
    "hamming": lambda n: torch.hamming_window(n, dtype=torch.float64),
    "sine": lambda n: torch.sin(torch.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n),
}
WINDOWS = tuple(_SHAPES)


class Frontend(nn.Module):
    """Short-time Fourier transform, its inverse, and the features in between.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    frame : int or None
        Analysis frame in samples; 512 at 16 kHz, 1024 at 8 kHz when None.
    hop : int or None
        In samples; 160 at 16 kHz, 256 at 8 kHz when None.
    synthesis_frame : int or None
        Samples at the end of each frame that are resynthesised: the algorithmic latency. None means ``frame``.
    window : str
        One of `WINDOWS`; with a shorter synthesis frame, the shape of the window's two slopes.
    compression : float
        Features are the magnitude to this power, in (0, 1]; 0.3 is usual, 1 leaves them as they are.

    Raises
    ------
    ConfigError
        If an option is out of range or the windows cannot reconstruct.

    Examples
    --------
    >>> frontend = Frontend(16000)
    >>> x = torch.randn(1, 16000)
    >>> spectrum = frontend.analyse(x)
    >>> list(spectrum.shape), frontend.latency
    ([1, 103, 257], 512)
    >>> bool((frontend.synthesise(spectrum, 16000) - x).abs().max() < 1e-5)
    True
    """

    analysis: Tensor
    synthesis: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        frame: int | None = None,
        hop: int | None = None,
        synthesis_frame: int | None = None,
        window: str = "sqrt-hann",
        compression: float = 1.0,
    ) -> None:
        super().__init__()
        low = sample_rate <= 8000
        self.sample_rate = sample_rate
        self.frame = (1024 if low else 512) if frame is None else frame
        self.hop = (256 if low else 160) if hop is None else hop
        self.latency = self.frame if synthesis_frame is None else synthesis_frame
        self.compression = compression
        self._check(window)
        analysis, synthesis = _windows(self.frame, self.hop, self.latency, window)
        self.register_buffer("analysis", analysis.float(), persistent=False)
        self.register_buffer("synthesis", synthesis.float(), persistent=False)
        self.register_buffer("mean", torch.zeros(self.n_bins))
        self.register_buffer("deviation", torch.ones(self.n_bins))

    def _check(self, window: str) -> None:
        if self.sample_rate <= 0:
            raise ConfigError(f"frontend: sample_rate must be positive, got {self.sample_rate} Hz")
        if window not in _SHAPES:
            raise ConfigError(f"frontend: no window {window!r}{nearest(window, WINDOWS)}; windows: {WINDOWS}")
        if not 0 < self.compression <= 1:
            raise ConfigError(f"frontend: compression must lie in (0, 1], got {self.compression}")
        if not 0 < self.hop < self.latency <= self.frame or self.frame % 2:
            raise ConfigError(
                f"frontend: needs hop < synthesis_frame <= frame and an even frame, "
                f"got hop {self.hop}, synthesis_frame {self.latency}, frame {self.frame}"
            )

    @property
    def n_bins(self) -> int:
        """Frequency bins ``F``."""
        return self.frame // 2 + 1

    def frames(self, samples: int) -> int:
        """Count the frames that ``samples`` samples need to come back whole."""
        return -(-(samples + self.latency - self.hop) // self.hop)

    def analyse(self, waveform: Tensor) -> Tensor:
        """Transform whole signals ``[B, S]`` to complex spectra ``[B, T, F]``, ``T = frames(S)``."""
        samples = waveform.shape[-1]
        after = self.frames(samples) * self.hop - samples
        return self._transform(functional.pad(waveform, (self.frame - self.hop, after)))

    def synthesise(self, spectrum: Tensor, length: int) -> Tensor:
        """Transform spectra ``[B, T, F]`` back to signals ``[B, length]``."""
        pieces = self._pieces(spectrum)  # [B, T, latency]
        return self._overlap_add(pieces)[:, self.latency - self.hop :][:, :length]

    def features(self, spectrum: Tensor) -> Tensor:
        """Give the compressed magnitudes ``[B, T, F]`` of a spectrum, standardised if `standardise` was called."""
        return (self._compressed(spectrum) - self.mean) / self.deviation

    def standardise(self, examples: Iterable[Tensor]) -> None:
        """Measure signals, ``[S]`` each: from now on each bin of such features has zero mean and unit variance.

        Networks then learn at one rate from every bin; without it the low bins drown the high ones. The
        measures are kept with the weights.
        """
        frames = torch.cat([self._compressed(self.analyse(example[None])) for example in examples], dim=1)
        deviation, mean = torch.std_mean(frames[0], dim=0)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=max(1e-5, 0.05 * float(deviation.mean()))))

    def _compressed(self, spectrum: Tensor) -> Tensor:
        power = torch.view_as_real(spectrum).square().sum(-1)
        return (power + 1e-12) ** (self.compression / 2)

    def state_spec(self) -> list[StateSpec]:
        """List what the two steps carry: past samples, and the sum that is not finished yet."""
        return [
            StateSpec("frontend.history", (self.frame - self.hop,)),
            StateSpec("frontend.overlap", (self.latency - self.hop,)),
        ]

    def analyse_step(self, samples: Tensor, state: State) -> tuple[Tensor, State]:
        """Transform the next ``t`` hops ``[B, t hop]`` to ``[B, t, F]``."""
        joined = torch.cat([state["frontend.history"], samples], dim=1)
        history = joined[:, joined.shape[1] - (self.frame - self.hop) :]
        return self._transform(joined), {**state, "frontend.history": history}

    def synthesise_step(self, spectrum: Tensor, state: State) -> tuple[Tensor, State]:
        """Transform the next ``t`` frames ``[B, t, F]`` to samples ``[B, t hop]``, ``latency - hop`` late."""
        total = self._overlap_add(self._pieces(spectrum))
        carried = state["frontend.overlap"]
        total = torch.cat([total[:, : carried.shape[1]] + carried, total[:, carried.shape[1] :]], dim=1)
        ready = spectrum.shape[1] * self.hop
        return total[:, :ready], {**state, "frontend.overlap": total[:, ready:]}

    def cut(self, padded: Tensor) -> Tensor:
        """Cut ``[B, (T - 1) hop + frame]`` into frames ``[B, T, frame]``, before any window."""
        one = padded.shape[1] == self.frame
        return padded.unsqueeze(1) if one else padded.unfold(-1, self.frame, self.hop)

    def _transform(self, padded: Tensor) -> Tensor:
        return torch.fft.rfft(self.cut(padded) * self.analysis)

    def _pieces(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft(spectrum, n=self.frame)[..., -self.latency :] * self.synthesis

    def _overlap_add(self, pieces: Tensor) -> Tensor:
        """Add up ``[B, T, latency]``, each a hop after the one before: ``[B, T hop + latency - hop]``."""
        if pieces.shape[1] == 1:
            return pieces[:, 0]
        length = pieces.shape[1] * self.hop + self.latency - self.hop
        folded = functional.fold(pieces.transpose(1, 2), (1, length), (1, self.latency), stride=(1, self.hop))
        return folded.flatten(1)


def masked(spectrum: Tensor, mask: Tensor) -> Tensor:
    """Multiply complex spectra ``[B, T, F]`` by real masks ``[B, T, F]``, and do no complex product for it."""
    return torch.view_as_complex(torch.view_as_real(spectrum) * mask.unsqueeze(-1))


def _windows(frame: int, hop: int, latency: int, window: str) -> tuple[Tensor, Tensor]:
    """Make an analysis window ``[frame]`` and the synthesis window ``[latency]`` that undoes it."""
    if latency == frame:
        analysis = synthesis = _SHAPES[window](frame)
    else:
        half = latency // 2
        rise = _SHAPES[window](2 * (frame - half))[: frame - half]
        fall = _SHAPES[window](2 * half)[half:]
        analysis = torch.cat([rise, fall])
        product = torch.cat([_SHAPES[window](2 * (latency - half))[: latency - half], fall]).square()
        synthesis = product / analysis[-latency:].clamp(min=1e-8)
    padded = functional.pad(analysis[-latency:] * synthesis, (0, -latency % hop))
    gain = padded.view(-1, hop).sum(0)  # what overlapping frames add up to, at each sample of a hop
    if gain.min() < 1e-3:
        raise ConfigError(
            f"frontend: {window!r} windows of {latency} samples cannot reconstruct at hop {hop}; use a smaller hop"
        )
    repeats = -(-latency // hop)
    return analysis, synthesis / gain.repeat(repeats)[:latency]
