"""A speaker's profile: what an encoder made of the enrolment clips, in a file that can be used again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.nn import functional

from .audio import check as check_audio
from .contracts import SpeakerCue
from .data.activity import FRAME, energies
from .errors import AudioError, BundleError

VERSION = 1
"""Version of the profile file; a newer one is refused."""

MAX_CLIPS = 5
"""Enrolment clips that a profile may be made of."""

_KIND = "pse-profile"
_LEAST_SPEECH, _ENOUGH_SPEECH = 0.3, 1.0  # seconds
_SILENCE, _SPEECH_RANGE = -70.0, 30.0  # dBFS; dB below the loud frames that still count as speech
_STEADY, _NOISY = 3.0, 12.0  # dB between loud and quiet frames


@dataclass(frozen=True)
class Profile:
    """An enrolled speaker, for one speaker encoder.

    Parameters
    ----------
    cue : SpeakerCue
        With a batch of one: tokens ``[1, Q, N, E]``, mask ``[1, Q, N]``, vectors ``[1, Q, E']``.
    fingerprint : str
        The encoder's `SpeakerEncoder.fingerprint`.
    sample_rate : int
        The encoder's rate in Hz.
    notes : sequence of str
        What `assess` had to say of the clips.
    encoder : str
        The encoder's name, for messages.
    """

    cue: SpeakerCue
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
        parts = {"tokens": self.cue.tokens, "mask": self.cue.mask, "vectors": self.cue.vectors}
        tensors = {name: part.detach().cpu().contiguous().clone() for name, part in parts.items()}
        data = to_bytes(tensors, {**about, "sha256": _digest(about, tensors)})
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

    @staticmethod
    def load(path: str | Path) -> Profile:
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
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError, ValueError) as error:
            raise BundleError(
                f"{path}: no profile, or a damaged one ({error}); make it again with pse enrol"
            ) from error
        if about.get("kind") != _KIND:
            raise BundleError(f"{path}: is not a profile; make one with pse enrol CLIP.wav --out me.profile")
        if int(about.get("version", "0")) > VERSION:
            raise BundleError(f"{path}: written by a newer pse-plugins; upgrade: pip install -U pse-plugins")
        if about.pop("sha256", None) != _digest(about, tensors):
            raise BundleError(
                f"{path}: damaged, or changed after it was written; make it again with pse enrol"
            )
        cue = SpeakerCue(tensors["tokens"], tensors["mask"], tensors["vectors"])
        notes = tuple(json.loads(about["notes"]))
        return Profile(cue, about["fingerprint"], int(about["sample_rate"]), notes, about["encoder"])

    @staticmethod
    def join(profiles: Sequence[Profile]) -> Profile:
        """Make one profile of several of the same speaker, the clips of all side by side.

        Raises
        ------
        BundleError
            If they were made with different encoders, or hold more than `MAX_CLIPS` clips.
        """
        first = profiles[0]
        for other in profiles[1:]:
            other.check(first.fingerprint, first.encoder)
        clips = sum(p.cue.mask.shape[1] for p in profiles)
        if clips > MAX_CLIPS:
            raise BundleError(f"{clips} enrolment clips; give 1 to {MAX_CLIPS}")
        frames = max(p.cue.mask.shape[2] for p in profiles)
        cue = SpeakerCue(
            torch.cat([_pad(p.cue.tokens.transpose(2, 3), frames).transpose(2, 3) for p in profiles], 1),
            torch.cat([_pad(p.cue.mask, frames) for p in profiles], 1),
            torch.cat([p.cue.vectors for p in profiles], 1),
        )
        notes = tuple(note for p in profiles for note in p.notes)
        return Profile(cue, first.fingerprint, first.sample_rate, notes, first.encoder)


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


def assess(clip: np.ndarray, rate: int) -> list[str]:
    """Judge an enrolment clip.

    Speech is taken to be the 10 ms frames within 30 dB of the loud ones; the distance between loud frames
    (95th percentile) and quiet ones (10th) tells how noisy the clip is.

    Parameters
    ----------
    clip : ndarray
        Waveform ``[S]``.
    rate : int
        Its rate in Hz.

    Returns
    -------
    list of str
        Remarks: little speech, noisy, clipped. Empty for a good clip.

    Raises
    ------
    AudioError
        If it holds less than 0.3 s of speech, or a steady sound instead of speech.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> assess(0.1 * rng.standard_normal(8000) * (np.arange(8000) % 4000 < 3000), 8000)
    ['only 0.8 s of speech; 3 s or more is better']
    """
    clip = check_audio(clip, "the enrolment clip")
    seconds = len(clip) / rate
    if seconds < _LEAST_SPEECH:
        raise AudioError(f"an enrolment clip of {seconds:.2f} s is too short; record at least 3 s of speech")
    levels = 10 * np.log10(energies(clip, rate) + 1e-12)  # dBFS, a frame of 10 ms each
    loud = levels[levels > _SILENCE]
    if len(loud) * FRAME < _LEAST_SPEECH:
        raise AudioError("an enrolment clip is silent; record at least 3 s of speech, louder than -70 dBFS")
    top, floor = np.percentile(loud, 95), np.percentile(levels, 10)
    if top - floor < _STEADY:
        raise AudioError(
            "an enrolment clip holds a steady sound and no speech; record at least 3 s of speech"
        )
    speech = float(np.count_nonzero(levels > max(top - _SPEECH_RANGE, _SILENCE))) * FRAME
    if speech < _LEAST_SPEECH:
        raise AudioError(f"an enrolment clip holds {speech:.2f} s of speech; record at least 3 s")
    notes = [f"only {speech:.1f} s of speech; 3 s or more is better"] if speech < _ENOUGH_SPEECH else []
    if top - floor < _NOISY:
        notes.append(f"noisy: {top - floor:.0f} dB between speech and background; record in a quieter place")
    if _clipped(clip):
        notes.append("clipped: lower the recording level")
    return notes


def _digest(about: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """Hash what a profile file says and holds."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _pad(x: Tensor, frames: int) -> Tensor:
    """Lengthen the last axis to ``frames`` with zeros or False."""
    return functional.pad(x, (0, frames - x.shape[-1]))


def _clipped(clip: np.ndarray) -> bool:
    """Tell whether the wave has flat tops: at least 20 places with three samples in a row at the peak."""
    top = np.abs(clip) >= 0.999 * np.abs(clip).max()
    return int(np.count_nonzero(top[:-2] & top[1:-1] & top[2:])) >= 20
