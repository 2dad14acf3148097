"""Power-law compressed spectral loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ConfigError


class CompressedSpectral:
    """``mean alpha ||S|^p - |E|^p|^2 + (1 - alpha) ||S|^p e^{j phi_S} - |E|^p e^{j phi_E}|^2``.

    The phase-aware loss of Eskimez et al., "Personalized speech enhancement: new models and comprehensive
    evaluation", 2021; the mean goes over the frames that hold valid samples and all bins.

    Parameters
    ----------
    power : float
        ``p``, in (0, 1].
    alpha : float
        Share of the magnitude term, in [0, 1]; the rest is the phase-aware term's.
    frame, hop : int
        Of the Hann-windowed transform, in samples.
    level_db : float or None
        Both signals get the gain that puts the target's RMS here, at most 20 dB, so that the loss does not
        depend on the recording level; None leaves levels alone.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    def __init__(
        self,
        power: float = 0.3,
        alpha: float = 0.5,
        frame: int = 512,
        hop: int = 128,
        level_db: float | None = -25.0,
    ) -> None:
        if not 0 < power <= 1 or not 0 <= alpha <= 1 or not 0 < hop <= frame:
            raise ConfigError(
                f"compressed-spectral: needs 0 < power <= 1, 0 <= alpha <= 1, 0 < hop <= frame, "
                f"got {power}, {alpha}, {hop}, {frame}"
            )
        self.power, self.alpha, self.frame, self.hop, self.level_db = power, alpha, frame, hop, level_db

    def __call__(self, estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Compare ``[B, S]`` with ``[B, S]``, lengths ``[B]`` in samples: loss ``[B]``."""
        valid = torch.arange(target.shape[1], device=target.device) < lengths.unsqueeze(1)
        estimate, target = estimate.float() * valid, target.float() * valid
        if self.level_db is not None:
            mean_square = target.square().sum(1, keepdim=True) / lengths.clamp(min=1).unsqueeze(1)
            gain = (10 ** (self.level_db / 20) / mean_square.clamp(min=1e-12).sqrt()).clamp(max=10.0)
            estimate, target = estimate * gain, target * gain
        (e, *e_parts), (s, *s_parts) = self._compressed(estimate), self._compressed(target)  # [B, F, T]
        magnitude = (s - e).square()
        phase = sum((ours - theirs).square() for ours, theirs in zip(s_parts, e_parts))
        per_frame = (self.alpha * magnitude + (1 - self.alpha) * phase).mean(1)  # [B, T]
        frames = torch.arange(per_frame.shape[1], device=target.device) * self.hop < lengths.unsqueeze(1)
        return (per_frame * frames).sum(1) / frames.sum(1).clamp(min=1)

    def _compressed(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give ``|X|^p``, and real and imaginary part of ``|X|^p X / |X|``, with finite gradients at zero."""
        window = torch.hann_window(self.frame, device=signal.device)
        spectrum = torch.stft(
            signal, self.frame, self.hop, window=window, pad_mode="constant", return_complex=True
        )
        real, imaginary = spectrum.real, spectrum.imag
        energy = real.square() + imaginary.square() + 1e-8
        gain = energy ** ((self.power - 1) / 2)
        return gain * energy.sqrt(), gain * real, gain * imaginary
