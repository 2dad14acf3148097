"""What a network attends to in the enrolment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import stft
from torch import Tensor

from ..contracts import Conditioner, Prepared
from ..enhancer import Enhancer
from ..errors import ConfigError
from ..profile import Profile

PICTURES = (".png", ".pdf", ".svg")
"""What a picture's name may end in."""


def attention(enhancer: Enhancer, mixture: np.ndarray, profile: Profile) -> np.ndarray:
    """Give the weights with which frames of a mixture read the enrolment.

    Any conditioner can be looked at that has a method ``attention(x, prepared)``, as `CrossAttention` has.

    Parameters
    ----------
    enhancer : Enhancer
        In evaluation mode.
    mixture : ndarray
        float32 ``[S]`` at the enhancer's rate.
    profile : Profile
        Who is enrolled.

    Returns
    -------
    ndarray
        ``[layers, heads, T, rows]``, rows being what the conditioners read: frames, or utterances.

    Raises
    ------
    ConfigError
        If nothing in the network attends to the enrolment.
    """
    found: list[Tensor] = []

    def note(module: Any, given: tuple[Tensor, Prepared], _: Any) -> None:
        found.append(module.attention(*given)[0])

    hooks = [module.register_forward_hook(note) for module in _that_attend(enhancer)]
    device = enhancer.frontend.analysis.device
    try:
        with torch.inference_mode():
            enhancer(torch.from_numpy(mixture)[None].to(device), profile.cue.to(device))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found).float().cpu().numpy()


def _that_attend(enhancer: Enhancer) -> list[Conditioner]:
    """Find the conditioners that attend to the enrolment."""
    conditioners = [m for m in enhancer.backbone.modules() if isinstance(m, Conditioner)]
    looked_at = [m for m in conditioners if callable(getattr(m, "attention", None))]
    if not looked_at:
        name = enhancer.config.get("conditioner")
        raise ConfigError(
            f"nothing here attends to the enrolment: the conditioner is {name}, not cross-attention"
        )
    return looked_at


def enrolled_rows(enhancer: Enhancer, profile: Profile) -> tuple[np.ndarray, float | None]:
    """Tell what the rows of the weights stand for.

    Parameters
    ----------
    enhancer : Enhancer
    profile : Profile
        Who is enrolled.

    Returns
    -------
    valid : ndarray
        Bool ``[clips, frames]``, or ``[rows]`` where a row is a whole clip: silence that the encoder leaves out, and
        padding, is False.
    seconds : float or None
        Of each row; None where rows are utterances, or the encoder gives one token for all of one.
    """
    view = _that_attend(enhancer)[0].view
    encoder = enhancer.speaker_encoder
    if view != "frames" or encoder is None:
        return profile.cue.view(str(view))[1][0].cpu().numpy(), None
    rate, noise = encoder.sample_rate, torch.randn(1, 1, 4 * encoder.sample_rate)
    device = enhancer.frontend.analysis.device
    with torch.inference_mode():
        short, long = (
            int(enhancer.embed(noise[..., :n].to(device), torch.tensor([[n]], device=device)).mask.sum())
            for n in (2 * rate, 4 * rate)
        )
    return profile.cue.mask[0].cpu().numpy(), 2.0 / (long - short) if long > short else None


def check_picture(path: str | Path) -> Path:
    """Refuse a file that no picture can be written to by its name.

    Raises
    ------
    ConfigError
        If the name does not end in one of `PICTURES`.
    """
    if Path(path).suffix.lower() not in PICTURES:
        raise ConfigError(f"{path}: is drawn as {', '.join(PICTURES)}; let the name end in one of them")
    return Path(path)


def draw_attention(
    weights: np.ndarray,
    mixture: np.ndarray,
    rate: int,
    path: str | Path,
    rows: tuple[np.ndarray, float | None] | None = None,
) -> Path:
    """Draw the mixture, and below it where each of its frames looks, averaged over layers and heads.

    White lines part the clips of the enrolment.

    Parameters
    ----------
    weights : ndarray
        From `attention`.
    mixture : ndarray
        ``[S]``.
    rate : int
        Its rate in Hz.
    path : str or Path
        The picture to write, one of `PICTURES`.
    rows : tuple or None
        From `enrolled_rows`; None draws all, by number.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If it cannot be written.
    """
    from matplotlib.figure import Figure

    path = check_picture(path)
    valid, step = rows or (np.ones(weights.shape[-1], bool), None)
    seconds, mean = mixture.size / rate, weights.mean((0, 1))[:, valid.flatten()]  # [T, rows]
    count, unit = mean.shape[1], step or 1.0
    figure = Figure((9, 6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 1))
    heard = figure.add_subplot(grid[0, 0])
    seen = figure.add_subplot(grid[1, 0], sharex=heard)
    overall = figure.add_subplot(grid[1, 1], sharey=seen)
    _, _, spectrum = stft(mixture, rate, nperseg=512, noverlap=352)
    level = 20 * np.log10(np.abs(spectrum) + 1e-6)
    shown: dict[str, Any] = {"aspect": "auto", "origin": "lower"}
    heard.imshow(level, extent=(0, seconds, 0, rate / 2000), cmap="magma", **shown)
    heard.set_ylabel("mixture, kHz")
    brightest = np.quantile(mean, 0.99)  # beyond it are few, such as the first frames of a clip
    image = seen.imshow(mean.T, extent=(0, seconds, 0, count * unit), cmap="viridis", vmax=brightest, **shown)
    scale = figure.add_subplot(grid[0, 1], box_aspect=8)
    figure.colorbar(image, cax=scale, label="weight in the picture below", extend="max")
    for end in np.atleast_2d(valid).sum(1).cumsum()[:-1]:
        seen.axhline(end * unit, color="white", linewidth=0.8)
    seen.set_ylabel("enrolment, s of speech" if step else "row of the enrolment")
    seen.set_xlabel("mixture, s")
    overall.plot(mean.mean(0), unit * (np.arange(count) + 0.5), color="#2f7fd1", linewidth=0.9)
    overall.axvline(1 / count, color="grey", linewidth=0.7, linestyle=":")
    overall.set_xlabel("weight on average\n(dotted: all alike)")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, format=path.suffix[1:].lower())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    return path
