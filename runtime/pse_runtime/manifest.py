"""What an exported folder says of its graphs: plain JSON, read and checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
from .selection import Policy

FORMAT = 1
"""Version of the folder's layout; a newer one is refused."""

NAME = "manifest.json"

SAMPLES, ENHANCED = "samples", "enhanced"
"""Names of a step graph's audio; its other tensors are ``prepared/<name>``, ``state/<name>`` and ``next/<name>``."""


@dataclass(frozen=True)
class Spec:
    """One tensor of a stream's state.

    Parameters
    ----------
    name : str
        Its graph input is ``state/<name>``, its output ``next/<name>``.
    shape : tuple of int
        Batch of one included; of a ring, the rows that a step sees.
    dtype : str
        NumPy's name of the type.
    init : float
        The value it starts with.
    update : {"replace", "ring"}
        ``"ring"``: the graph gives one new row of the second axis, the oldest is dropped; oldest first.
    role : {"shared", "own", "mixed"}
        In an ensemble: the same whichever specialist runs, a specialist's own, or a sum that masks enter.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    init: float = 0.0
    update: str = "replace"
    role: str = "shared"

    @property
    def rows(self) -> int:
        """Rows of a ring; 0 for what is replaced."""
        return self.shape[1] if self.update == "ring" else 0

    def start(self) -> np.ndarray:
        """Make the tensor that a stream starts from."""
        return np.full(self.shape, self.init, dtype=self.dtype)


@dataclass(frozen=True)
class Enrolment:
    """The graph that makes a cue of a clip.

    Parameters
    ----------
    encoder, fingerprint : str
        The speaker encoder's name, and the hash that its profiles carry.
    sample_rate : int
        In Hz.
    samples : int
        Length that clips are filled up to; what is longer is cut.
    graph : str or None
        Its file; None where the encoder cannot be exported, as `reason` says: profiles then come from elsewhere.
    """

    encoder: str
    fingerprint: str
    sample_rate: int
    samples: int
    graph: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Manifest:
    """An exported enhancer.

    Parameters
    ----------
    sample_rate, hop, latency : int
        Rate in Hz; samples of a hop, and of the algorithmic latency.
    steps : list of str
        Files of the step graphs: one, or one a specialist.
    prepares : list of str or None
        Files of the graphs that prepare a cue for each; None where nothing is prepared.
    state : list of Spec
        What a step takes and gives.
    precision : str
        ``"float32"`` or ``"int8"``.
    opset : int
        Of the graphs' operators.
    enrolment : Enrolment or None
        None for a model that needs nobody enrolled.
    policy : dict or None
        Options of the `Policy` of an ensemble.
    votes : str
        The state in which an ensemble's gate says how probable each specialist is.
    about : dict
        Where it comes from: versions, licence, training, cost.
    files : dict
        File -> sha256.
    """

    sample_rate: int
    hop: int
    latency: int
    steps: list[str]
    prepares: list[str | None]
    state: list[Spec]
    precision: str = "float32"
    opset: int = 20
    enrolment: Enrolment | None = None
    policy: dict[str, Any] | None = None
    votes: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def selection(self) -> Policy | None:
        """Give the policy of an ensemble."""
        return None if self.policy is None else Policy(**self.policy)

    def write(self, folder: Path) -> None:
        """Write as JSON, with the checksums of the files there."""
        names = [*self.steps, *(p for p in self.prepares if p), *(self._encoder_file())]
        files = {name: checksum(folder / name) for name in names}
        content = {"kind": "pse-step-model", "format": FORMAT, **asdict(self), "files": files}
        (folder / NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _encoder_file(self) -> list[str]:
        return [self.enrolment.graph] if self.enrolment is not None and self.enrolment.graph else []


def read(folder: str | Path) -> Manifest:
    """Read a folder's manifest, and check its files.

    Raises
    ------
    BundleError
        If there is none, it is damaged or from a newer version, or a file is missing or changed.
    """
    folder = Path(folder)
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        bundle = (folder / "config.json").is_file()
        how = (
            f"it is a bundle: pse export --model {folder}"
            if bundle
            else f"no exported model (no {NAME}): pse export"
        )
        raise BundleError(f"{folder}: {how} --out FOLDER writes what runs here") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: damaged ({error}); export again") from error
    if not isinstance(content, dict) or content.pop("kind", None) != "pse-step-model":
        raise BundleError(f"{path}: not the manifest of an exported model; give the folder of pse export")
    version = content.pop("format", None)
    if not isinstance(version, int) or version > FORMAT:
        raise BundleError(
            f"{folder}: exported in format {version}, this version reads {FORMAT}; pip install -U pse-runtime"
        )
    try:
        state = [Spec(**{**spec, "shape": tuple(spec["shape"])}) for spec in content.pop("state")]
        enrolment = content.pop("enrolment")
        manifest = Manifest(
            **content, state=state, enrolment=None if enrolment is None else Enrolment(**enrolment)
        )
    except (TypeError, KeyError) as error:
        raise BundleError(f"{path}: damaged ({error}); export again") from error
    for name, digest in manifest.files.items():
        if not (folder / name).is_file() or checksum(folder / name) != digest:
            raise BundleError(
                f"{folder / name}: missing, truncated, or changed after it was written; export again"
            )
    return manifest


def is_exported(folder: str | Path) -> bool:
    """Tell an exported model from other folders."""
    return (Path(folder) / NAME).is_file()


def checksum(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
