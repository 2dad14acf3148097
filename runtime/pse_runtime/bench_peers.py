"""Two well-known enhancers that run live, to be measured beside: GTCRN and DTLN, from the ONNX files of their authors.

Both are general: they remove noise and keep whoever speaks. What lies around their graphs, Fourier transforms and
the state from hop to hop, is done here in NumPy as their authors do it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from .errors import BundleError
from .lane import open_session

SAMPLE_RATE, FRAME = 16000, 512
"""In Hz, and in samples; of both, as is their algorithmic latency of a frame."""

_BINS = FRAME // 2 + 1


class Gtcrn:
    """GTCRN, by X. Rong et al., ICASSP 2024: a hop of 16 ms, root-Hann windows before and after.

    Parameters
    ----------
    folder : str or Path
        With ``gtcrn_simple.onnx``.

    Raises
    ------
    BundleError
        If the file is not GTCRN's streaming model.
    """

    name, hop = "GTCRN", 256
    files: Sequence[str] = ("gtcrn_simple.onnx",)
    macs: int | None = 528_000
    """A hop, in the authors' count: 33 million a second."""
    parameters: int | None = 48_200

    def __init__(self, folder: str | Path) -> None:
        caches = {
            "conv_cache": (2, 1, 16, 16, 33),
            "tra_cache": (2, 3, 1, 1, 16),
            "inter_cache": (2, 1, 33, 16),
        }
        self._session = _open(Path(folder) / self.files[0], {"mix": (1, _BINS, 1, 2), **caches}, self.name)
        self._names = ["enh", *(f"{name}_out" for name in caches)]
        self._caches = {name: np.zeros(shape, dtype=np.float32) for name, shape in caches.items()}
        turn = 2 * np.pi * np.arange(FRAME) / FRAME
        self._window = np.sqrt(0.5 - 0.5 * np.cos(turn)).astype(np.float32)
        self._heard, self._sum = (np.zeros(FRAME, dtype=np.float32) for _ in range(2))

    @property
    def state_bytes(self) -> int:
        """What it carries from hop to hop: the caches, past samples and a sum."""
        return sum(cache.nbytes for cache in self._caches.values()) + 2 * 4 * (FRAME - self.hop)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Enhance the next hop ``[256]``; gives as many samples, a frame less a hop late."""
        self._heard = np.concatenate([self._heard[self.hop :], samples])
        spectrum = np.fft.rfft(self._heard * self._window)
        mixture = np.stack([spectrum.real, spectrum.imag], axis=-1).astype(np.float32)[None, :, None]
        enhanced, *caches = self._session.run(self._names, {"mix": mixture, **self._caches})
        self._caches = dict(zip(self._caches, caches))
        waves = np.fft.irfft(enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]).astype(np.float32)
        self._sum = np.pad(self._sum[self.hop :], (0, self.hop)) + waves * self._window
        return self._sum[: self.hop].copy()


class Dtln:
    """DTLN, by N. L. Westhausen and B. T. Meyer, Interspeech 2020: a hop of 8 ms, two networks, no window.

    Parameters
    ----------
    folder : str or Path
        With ``dtln_model_1.onnx`` and ``dtln_model_2.onnx``.

    Raises
    ------
    BundleError
        If a file is not one of DTLN's two.
    """

    name, hop = "DTLN", 128
    files: Sequence[str] = ("dtln_model_1.onnx", "dtln_model_2.onnx")
    macs: int | None = None
    """Not said by the authors; each weight is used once a hop."""
    parameters: int | None = None

    def __init__(self, folder: str | Path) -> None:
        first, second = (Path(folder) / name for name in self.files)
        state = (1, 2, 128, 2)
        self._first = _open(first, {"input_2": (1, 1, _BINS), "input_3": state}, self.name)
        self._second = _open(second, {"input_4": (1, 1, FRAME), "input_5": state}, self.name)
        self._states = [np.zeros(state, dtype=np.float32) for _ in range(2)]
        self._heard, self._sum = (np.zeros(FRAME, dtype=np.float32) for _ in range(2))

    @property
    def state_bytes(self) -> int:
        """What it carries from hop to hop: two networks' states, past samples and a sum."""
        return sum(state.nbytes for state in self._states) + 2 * 4 * (FRAME - self.hop)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Enhance the next hop ``[128]``; gives as many samples, a frame less a hop late."""
        self._heard = np.concatenate([self._heard[self.hop :], samples])
        spectrum = np.fft.rfft(self._heard)
        given = {"input_2": np.abs(spectrum)[None, None].astype(np.float32), "input_3": self._states[0]}
        mask, self._states[0] = self._first.run(None, given)
        waves = np.fft.irfft(spectrum * mask[0, 0]).astype(np.float32)
        given = {"input_4": waves[None, None], "input_5": self._states[1]}
        block, self._states[1] = self._second.run(None, given)
        self._sum = np.pad(self._sum[self.hop :], (0, self.hop)) + block[0, 0]
        return self._sum[: self.hop].copy()


PEERS: dict[str, Callable[[str | Path], Gtcrn | Dtln]] = {"GTCRN": Gtcrn, "DTLN": Dtln}
"""Name -> what loads it from a folder."""


def find_peers(folder: str | Path) -> list[Gtcrn | Dtln]:
    """Load the peers whose files lie in a folder.

    Raises
    ------
    BundleError
        If there is none, one is there in part, or a file is something else.
    """
    found: list[Gtcrn | Dtln] = []
    for kind in (Gtcrn, Dtln):
        missing = [name for name in kind.files if not (Path(folder) / name).is_file()]
        if missing and len(missing) < len(kind.files):
            raise BundleError(
                f"{folder}: {kind.name} needs {' and '.join(kind.files)}; no {missing[0]} there"
            )
        if not missing:
            found.append(kind(folder))
    if not found:
        wanted = "; ".join(f"{' and '.join(kind.files)} of {kind.name}" for kind in (Gtcrn, Dtln))
        raise BundleError(f"{folder}: no peer there; it may hold {wanted}")
    return found


def _open(path: Path, inputs: dict[str, tuple[int, ...]], name: str) -> onnxruntime.InferenceSession:
    """Open a graph, if its inputs are those of the model that it should be."""
    try:
        session = open_session(str(path))
    except Exception as error:  # onnxruntime has a type of its own for each way to fail, and no common one
        raise BundleError(
            f"{path}: no ONNX graph that runs ({' '.join(str(error).split())[:120]})"
        ) from error
    there: dict[str, Any] = {tensor.name: tuple(tensor.shape) for tensor in session.get_inputs()}
    if there != inputs:
        said = ", ".join(f"{key} {list(shape)}" for key, shape in there.items())
        raise BundleError(f"{path}: not {name}'s streaming model: its inputs are {said}")
    return session
