"""A speaker's profile: what an encoder made of the enrolment clips, in a file that can be used again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .errors import BundleError

VERSION = 1
"""Version of the profile file; a newer one is refused."""

MAX_CLIPS = 5
"""Enrolment clips that a profile may be made of."""

Same = TypeVar("Same", bound="Profile")

_KIND = "pse-profile"


@dataclass(frozen=True)
class Profile:
    """An enrolled speaker, for one speaker encoder.

    Parameters
    ----------
    tokens : ndarray
        Hidden states over time, float32 ``[1, Q, N, E]``: ``Q`` clips of at most ``N`` frames.
    mask : ndarray
        bool ``[1, Q, N]``, True where a token is valid.
    vectors : ndarray
        The encoder's embedding of each clip, float32 ``[1, Q, E']``.
    fingerprint : str
        The encoder's.
    sample_rate : int
        The encoder's rate in Hz.
    notes : sequence of str
        What `clips.assess` had to say of the clips.
    encoder : str
        The encoder's name, for messages.
    """

    tokens: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    fingerprint: str
    sample_rate: int
    notes: Sequence[str] = ()
    encoder: str = ""

    def check(self, fingerprint: str, encoder: str = "") -> None:
        """Refuse to be used with another encoder.

        Raises
        ------
        BundleError
            If the fingerprint is not this profile's.
        """
        if fingerprint != self.fingerprint:
            raise BundleError(
                f"this profile was made with the speaker encoder {self.encoder or 'of another model'} "
                f"({self.fingerprint}), the model has {encoder or 'another'}{_but(self.encoder, encoder)} "
                f"({fingerprint}); enrol again with it: pse enrol CLIP.wav --model MODEL --out me.profile"
            )

    def save(self, path: str | Path) -> None:
        """Write the profile, whole or not at all.

        Raises
        ------
        BundleError
            If it cannot be written there.
        """
        path = Path(path)
        about = {
            "kind": _KIND,
            "version": str(VERSION),
            "fingerprint": self.fingerprint,
            "encoder": self.encoder,
            "sample_rate": str(self.sample_rate),
            "notes": json.dumps(list(self.notes)),
        }
        arrays = {"tokens": self.tokens, "mask": self.mask, "vectors": self.vectors}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        data = to_bytes(arrays, {**about, "sha256": _digest(about, arrays)})
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            os.replace(part, path)
        except OSError as error:
            raise BundleError(
                f"{path}: cannot write the profile ({error.strerror}); choose another path"
            ) from error
        finally:
            if part.is_file():
                part.unlink()

    @classmethod
    def load(cls: type[Same], path: str | Path) -> Same:
        """Read a profile.

        Raises
        ------
        BundleError
            If the file is missing, is no profile, is damaged, or comes from a newer version.
        """
        path = Path(path)
        if not path.is_file():
            raise BundleError(f"{path}: no such file; check the path")
        try:
            with safe_open(path, framework="np") as file:
                about = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError, ValueError) as error:
            raise BundleError(
                f"{path}: no profile, or a damaged one ({error}); make it again with pse enrol"
            ) from error
        if about.get("kind") != _KIND:
            raise BundleError(f"{path}: is not a profile; make one with pse enrol CLIP.wav --out me.profile")
        if int(about.get("version", "0")) > VERSION:
            raise BundleError(f"{path}: written by a newer pse-plugins; upgrade: pip install -U pse-plugins")
        if about.pop("sha256", None) != _digest(about, arrays):
            raise BundleError(
                f"{path}: damaged, or changed after it was written; make it again with pse enrol"
            )
        parts = (arrays["tokens"], arrays["mask"], arrays["vectors"])
        notes = tuple(json.loads(about["notes"]))
        return cls(*parts, about["fingerprint"], int(about["sample_rate"]), notes, about["encoder"])

    @classmethod
    def join(cls: type[Same], profiles: Sequence[Same]) -> Same:
        """Make one profile of several of the same speaker, the clips of all side by side.

        Raises
        ------
        BundleError
            If they were made with different encoders, or hold more than `MAX_CLIPS` clips.
        """
        first = profiles[0]
        for other in profiles[1:]:
            other.check(first.fingerprint, first.encoder)
        clips = sum(p.mask.shape[1] for p in profiles)
        if clips > MAX_CLIPS:
            raise BundleError(f"{clips} enrolment clips; give 1 to {MAX_CLIPS}")
        frames = max(p.mask.shape[2] for p in profiles)
        return cls(
            np.concatenate([_pad(p.tokens, frames) for p in profiles], 1),
            np.concatenate([_pad(p.mask, frames) for p in profiles], 1),
            np.concatenate([p.vectors for p in profiles], 1),
            first.fingerprint,
            first.sample_rate,
            tuple(note for p in profiles for note in p.notes),
            first.encoder,
        )


def is_profile(path: str | Path) -> bool:
    """Tell a profile from a recording, by its name or its first bytes."""
    path = Path(path)
    if path.suffix == ".profile":
        return True
    try:
        with path.open("rb") as file:
            return _KIND.encode() in file.read(4096)[8:]
    except OSError:
        return False


def _but(made: str, wanted: str) -> str:
    return " with other weights or options" if made and made == wanted else ""


def _digest(about: dict[str, str], arrays: dict[str, np.ndarray]) -> str:
    """Hash what a profile file says and holds."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {list(array.shape)}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _pad(array: np.ndarray, frames: int) -> np.ndarray:
    """Lengthen the third axis to ``frames`` with zeros or False."""
    more = [(0, 0)] * array.ndim
    more[2] = (0, frames - array.shape[2])
    return np.pad(array, more)
