"""An exported enhancer: enrol a speaker, enhance a recording, start a stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

from . import audio, manifest
from .clips import assess, check_clips
from .errors import AudioError, BundleError
from .lane import open_session
from .manifest import Enrolment
from .profile import Profile
from .stream import Stream


class Model:
    """An exported enhancer, to be shared by any number of streams.

    Parameters
    ----------
    folder : str or Path
        What ``pse export`` wrote.

    Raises
    ------
    BundleError
        If there is no such folder, or it is not whole.

    Examples
    --------
    >>> model = Model("live")  # doctest: +SKIP
    >>> profile = model.enrol([clip], 44100)  # doctest: +SKIP
    >>> stream = model.stream(profile)  # doctest: +SKIP
    >>> out = stream.feed(block)  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.manifest = Path(folder), manifest.read(folder)
        self.sample_rate, self.hop, self.latency = (
            self.manifest.sample_rate,
            self.manifest.hop,
            self.manifest.latency,
        )

    @property
    def needs_cue(self) -> bool:
        """Whether somebody must be enrolled."""
        return self.manifest.enrolment is not None

    def enrol(self, clips: Sequence[np.ndarray], rate: int) -> Profile:
        """Turn 1 to 5 clips of a speaker into a profile that can be kept.

        Parameters
        ----------
        clips : sequence of ndarray, or ndarray
            Each ``[S]``, of nobody but the target speaker.
        rate : int
            In Hz.

        Returns
        -------
        Profile
            With notes on clips that are short, noisy or clipped.

        Raises
        ------
        AudioError
            If there is no clip, or one is empty, silent, not finite or far too short.
        BundleError
            If the speaker encoder was not exported, or could not be.
        """
        return Profile.join(
            [self._enrol(clip, rate, f"clip {i + 1}: ") for i, clip in enumerate(check_clips(clips))]
        )

    def enhance(
        self, samples: np.ndarray, rate: int, enrolment: Profile | Sequence[np.ndarray] | None = None
    ) -> np.ndarray:
        """Keep the enrolled speaker of a recording ``[S]``; gives as many samples at the same rate in Hz.

        Raises
        ------
        AudioError
            If the audio cannot be used, or an enrolment is needed and missing.
        """
        mixture = audio.resample(audio.check(samples, "mixture"), rate, self.sample_rate)
        stream = self.stream(enrolment, rate)
        enhanced = np.concatenate([stream.feed(mixture), stream.flush()])
        back = audio.resample(enhanced, self.sample_rate, rate)
        return np.pad(back, (0, max(0, len(samples) - len(back))))[: len(samples)]

    def stream(
        self, enrolment: Profile | Sequence[np.ndarray] | None = None, rate: int | None = None
    ) -> Stream:
        """Start a stream for one speaker; it takes and gives samples at the model's rate.

        Parameters
        ----------
        enrolment : Profile, sequence of ndarray or None
            Who to keep: a profile, or clips.
        rate : int or None
            Rate of enrolment clips in Hz; the model's when None.

        Raises
        ------
        AudioError
            If an enrolment is needed and missing.
        BundleError
            If the profile was made with another speaker encoder.
        """
        profile = enrolment
        if self.needs_cue and enrolment is not None and not isinstance(enrolment, Profile):
            profile = self.enrol(enrolment, rate or self.sample_rate)
        return Stream(self.manifest, self._steps, self._prepare(profile if self.needs_cue else None))

    def check_profile(self, profile: Profile) -> None:
        """Raise `BundleError` if a profile was made by another encoder than this model's."""
        if self.manifest.enrolment is not None:
            profile.check(self.manifest.enrolment.fingerprint, self.manifest.enrolment.encoder)

    @cached_property
    def _steps(self) -> list[onnxruntime.InferenceSession]:
        return [self._open(name) for name in self.manifest.steps]

    @cached_property
    def _encoder(self) -> onnxruntime.InferenceSession:
        assert self.manifest.enrolment is not None
        return self._open(self.manifest.enrolment.graph or "")

    def _open(self, name: str) -> onnxruntime.InferenceSession:
        return open_session(str(self.folder / name))

    def _prepare(self, profile: object) -> list[dict[str, np.ndarray]]:
        """Prepare a speaker's cue for each step."""
        if not self.needs_cue:
            given = {}
        elif isinstance(profile, Profile):
            self.check_profile(profile)
            given = {"tokens": profile.tokens, "mask": profile.mask, "vectors": profile.vectors}
        else:
            raise AudioError(
                "this model needs an enrolment of the target speaker; give 1 to 5 clips of their voice"
            )
        return [self._prepared(name, given) for name in self.manifest.prepares]

    def _prepared(self, name: str | None, cue: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Prepare a cue with a graph, or read what is the same for all."""
        if name is None:
            return {}
        return _run(self._open(name), cue) if cue else load_file(self.folder / name)

    def check_enrols(self) -> None:
        """Raise `BundleError`, with the reason, if no profile can be made here."""
        self._enrolment()

    def _enrolment(self) -> Enrolment:
        """Give what clips are encoded with."""
        encoder = self.manifest.enrolment
        if encoder is None:
            raise BundleError("this model has no speaker encoder: it takes no enrolment")
        if encoder.graph is None:
            raise BundleError(
                f"this export enrols nobody: {encoder.reason}; "
                "make a profile with the model it was exported from: pse enrol CLIP.wav --model BUNDLE"
            )
        return encoder

    def _enrol(self, clip: np.ndarray, rate: int, what: str) -> Profile:
        """Encode one clip."""
        encoder = self._enrolment()
        notes = assess(clip, rate)
        heard = audio.resample(clip, rate, encoder.sample_rate)
        if len(heard) > encoder.samples:
            notes.append(f"only the first {encoder.samples / encoder.sample_rate:.0f} s are heard")
            heard = heard[: encoder.samples]
        padded = np.pad(heard, (0, encoder.samples - len(heard)))[None, None]
        cue = _run(self._encoder, {"clip": padded, "lengths": np.array([[len(heard)]])})
        frames = max(1, int(cue["mask"].sum()))  # those that are filled up tell nothing
        parts = (cue["tokens"][:, :, :frames], cue["mask"][:, :, :frames], cue["vectors"])
        said = tuple(what + note for note in notes)
        return Profile(*parts, encoder.fingerprint, encoder.sample_rate, said, encoder.encoder)


def _run(session: onnxruntime.InferenceSession, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a graph once, on those of the given arrays that it takes; gives name -> array."""
    taken = {tensor.name: given[tensor.name] for tensor in session.get_inputs()}
    names = [tensor.name for tensor in session.get_outputs()]
    found = dict(zip(names, session.run(names, taken)))
    return {name.removeprefix("prepared/"): np.ascontiguousarray(array) for name, array in found.items()}
