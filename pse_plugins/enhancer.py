"""The enhancer: frontend, speaker encoder and conditioned backbone joined, for whole signals, streams and arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from pse_runtime import audio
from pse_runtime.clips import assess, check_clips
from torch import Tensor, nn
from torch.nn import functional

from .contracts import Backbone, Prepared, SpeakerCue, SpeakerEncoder, State, StateSpec
from .errors import AudioError, ConfigError
from .frontend import Frontend, masked
from .profile import Profile
from .stream import Stream


class Enhanced(NamedTuple):
    """What the offline forward gives: estimate ``[B, S]``, mask ``[B, T, F]``, auxiliary losses by name."""

    estimate: Tensor
    mask: Tensor
    losses: dict[str, Tensor]


class Enhancer(nn.Module):
    """Frontend, speaker encoder and backbone: audio and a cue in, the enrolled speaker's audio out.

    A frozen encoder moves with the enhancer but is not one of its modules: it is neither trained nor saved in
    checkpoints, and never leaves evaluation mode.

    Parameters
    ----------
    frontend : Frontend
    backbone : Backbone
    speaker_encoder : SpeakerEncoder or None
        None if the backbone needs no cue.
    config : dict
        What `assembly.build_enhancer` made it from.
    """

    def __init__(
        self,
        frontend: Frontend,
        backbone: Backbone,
        speaker_encoder: SpeakerEncoder | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.frontend, self.backbone = frontend, backbone
        frozen = speaker_encoder is not None and speaker_encoder.frozen
        self.trained_encoder = None if frozen else speaker_encoder
        self._frozen_encoder = [speaker_encoder] if frozen and speaker_encoder is not None else []
        self.config = dict(config or {})
        if speaker_encoder is not None and speaker_encoder.input == "features":
            speaker_encoder.sample_rate = frontend.sample_rate  # it hears what the backbone hears

    @property
    def speaker_encoder(self) -> SpeakerEncoder | None:
        """The speaker encoder, frozen or not."""
        return self._frozen_encoder[0] if self._frozen_encoder else self.trained_encoder

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of mixture and estimate."""
        return self.frontend.sample_rate

    @property
    def needs_cue(self) -> bool:
        """Whether somebody must be enrolled."""
        return self.backbone.needs_cue

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: synthesis frame and look-ahead."""
        return self.frontend.latency + self.backbone.lookahead_frames * self.frontend.hop

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Enhancer:
        for encoder in self._frozen_encoder:
            encoder._apply(fn)
        return super()._apply(fn, recurse)

    def embed(self, enrolment: Tensor, lengths: Tensor) -> SpeakerCue:
        """Encode enrolment utterances.

        Parameters
        ----------
        enrolment : Tensor
            ``[B, Q, S]`` at the encoder's rate.
        lengths : Tensor
            ``[B, Q]`` in samples; 0 for an absent utterance.

        Returns
        -------
        SpeakerCue
        """
        encoder = self._encoder()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not encoder.frozen):
            if encoder.input == "waveform":
                return encoder(enrolment, lengths)
            features = self.frontend.features(self.frontend.analyse(enrolment.flatten(0, 1)))
            cue = encoder(features, (lengths.flatten() // self.frontend.hop).long())
            shape = tuple(lengths.shape)
            return SpeakerCue(
                *(part.squeeze(1).unflatten(0, shape) for part in (cue.tokens, cue.mask, cue.vectors))
            )

    def forward(
        self,
        mixture: Tensor,
        cue: SpeakerCue | None = None,
        enrolment: Tensor | None = None,
        enrolment_lengths: Tensor | None = None,
        lengths: Tensor | None = None,
        as_stream: bool = False,
    ) -> Enhanced:
        """Enhance whole signals.

        Parameters
        ----------
        mixture : Tensor
            ``[B, S]``.
        cue : SpeakerCue or None
            The speakers; or give `enrolment` ``[B, Q, S']`` and `enrolment_lengths` ``[B, Q]`` to encode here.
        lengths : Tensor or None
            Samples of each mixture that count, ``[B]``; all when None.
        as_stream : bool
            Let nothing be decided from the whole signal first (`Backbone.listen`), as it cannot be in a stream.

        Returns
        -------
        Enhanced
        """
        if cue is None and enrolment is not None and enrolment_lengths is not None and self.needs_cue:
            cue = self.embed(enrolment, enrolment_lengths)
        prepared = self.prepare(cue)
        ahead = self.backbone.lookahead_frames
        spectrum = self.frontend.analyse(functional.pad(mixture, (0, ahead * self.frontend.hop)))
        features = self.frontend.features(spectrum)
        if not as_stream:
            prepared = self.backbone.listen(features, prepared, self._frames(mixture, lengths))
        mask = self.backbone(features, prepared).float()
        kept = slice(0, spectrum.shape[1] - ahead)
        estimate = self.frontend.synthesise(masked(spectrum[:, kept], mask[:, kept]), mixture.shape[1])
        return Enhanced(estimate, mask[:, kept], prepared.losses)

    def _frames(self, mixture: Tensor, lengths: Tensor | None) -> Tensor:
        """Count the frames that mixtures fill, ``[B]``, at least one each."""
        if lengths is None:
            lengths = torch.full((mixture.shape[0],), mixture.shape[1], device=mixture.device)
        return (lengths // self.frontend.hop).clamp(min=1)

    def prepare(self, cue: SpeakerCue | None) -> Prepared:
        """Prepare a cue for the backbone, once per speaker.

        Raises
        ------
        AudioError
            If the enhancer needs somebody enrolled and there is no cue.
        """
        if self.needs_cue and cue is None:
            raise AudioError(
                "this model needs an enrolment of the target speaker; give 1 to 5 clips of their voice"
            )
        return self.backbone.prepare(cue if self.needs_cue else None)

    def state_spec(self) -> list[StateSpec]:
        """List the tensors of streaming state: the frontend's, the backbone's, and spectra waiting for look-ahead."""
        waiting = StateSpec(
            "waiting", (self.backbone.lookahead_frames, self.frontend.n_bins, 2), update="ring"
        )
        ahead = [waiting] if self.backbone.lookahead_frames else []
        own = [replace(spec, name=f"backbone.{spec.name}") for spec in self.backbone.state_spec()]
        return self.frontend.state_spec() + ahead + own

    def step(self, samples: Tensor, prepared: Prepared, state: State) -> tuple[Tensor, State]:
        """Enhance the next ``t`` hops: ``[B, t hop]`` in and out, ``latency - hop`` samples late."""
        spectrum, state = self.frontend.analyse_step(samples, state)
        inner = {k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")}
        mask, inner = self.backbone.step(self.frontend.features(spectrum), prepared, inner)
        state = {**state, **{f"backbone.{k}": v for k, v in inner.items()}}
        if "waiting" in state:
            joined = torch.cat([state["waiting"], torch.view_as_real(spectrum)], dim=1)
            state = {**state, "waiting": joined[:, spectrum.shape[1] :]}
            spectrum = torch.view_as_complex(joined[:, : spectrum.shape[1]].contiguous())
        return self.frontend.synthesise_step(masked(spectrum, mask), state)

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
        """
        encoder = self._encoder()
        checked = check_clips(clips)
        notes = [f"clip {i + 1}: {note}" for i, clip in enumerate(checked) for note in assess(clip, rate)]
        resampled = [torch.from_numpy(audio.resample(clip, rate, encoder.sample_rate)) for clip in checked]
        lengths = torch.tensor([[len(clip) for clip in resampled]])
        padded = nn.utils.rnn.pad_sequence(resampled, batch_first=True).unsqueeze(0)  # [1, Q, S]
        device = self.frontend.analysis.device
        was_training = self.training
        with torch.inference_mode():
            cue = self.eval().embed(padded.to(device), lengths.to(device)).to("cpu")
        self.train(was_training)
        name = self._encoder_name()
        return Profile.of(cue, self.cue_fingerprint(), encoder.sample_rate, tuple(notes), name)

    def cue_fingerprint(self) -> str:
        """Give a short hash of all that a cue depends on: the encoder, and the frontend if it reads its features."""
        encoder = self._encoder()
        if encoder.input == "waveform":
            return encoder.fingerprint()
        digest = hashlib.sha256(encoder.fingerprint().encode())
        digest.update(json.dumps(self.config.get("frontend_options"), sort_keys=True).encode())
        for measure in (self.frontend.mean, self.frontend.deviation):
            digest.update(measure.detach().cpu().half().numpy().tobytes())
        return digest.hexdigest()[:16]

    def check_profile(self, profile: Profile) -> None:
        """Raise `BundleError` if a profile was made by another encoder than this model's."""
        profile.check(self.cue_fingerprint(), self._encoder_name())

    def enhance(
        self,
        samples: np.ndarray,
        rate: int,
        enrolment: Profile | Sequence[np.ndarray] | None = None,
        whole: bool = False,
    ) -> np.ndarray:
        """Keep the enrolled speaker of a recording.

        Parameters
        ----------
        samples : ndarray
            The mixture ``[S]``.
        rate : int
            Its rate, and that of enrolment clips given as arrays, in Hz.
        enrolment : Profile, sequence of ndarray or None
            Who to keep: a profile, or 1 to 5 clips.
        whole : bool
            In one forward, as in training, rather than as a stream; memory then grows with the length. What a
            backbone decides once for an utterance it then decides from all of it.

        Returns
        -------
        ndarray
            float32 ``[S]`` at the same rate; what is removed is not made up for by gain.

        Raises
        ------
        AudioError
            If the audio cannot be used, or an enrolment is needed and missing.
        """
        mixture = audio.resample(audio.check(samples, "mixture"), rate, self.sample_rate)
        profile = self._profile(enrolment, rate)
        if self.backbone.can_stream and not whole:
            stream = self.stream(profile, chunk_hops=64)
            enhanced = np.concatenate([stream.feed(mixture), stream.flush()])
        else:
            enhanced = self.enhance_whole(mixture, profile)
        back = audio.resample(enhanced, self.sample_rate, rate)
        return np.pad(back, (0, max(0, len(samples) - len(back))))[: len(samples)]

    def enhance_whole(
        self, mixture: np.ndarray, profile: Profile | None, as_stream: bool = False
    ) -> np.ndarray:
        """Enhance a mixture ``[S]`` at the model's rate in one forward; with ``as_stream`` as a stream would."""
        device = self.frontend.analysis.device
        cue = None if profile is None else profile.cue.to(device)
        with torch.inference_mode():
            batch = torch.from_numpy(mixture).unsqueeze(0).to(device)
            estimate = self.eval()(batch, cue, as_stream=as_stream).estimate
        return estimate[0].cpu().numpy()

    def stream(
        self,
        enrolment: Profile | Sequence[np.ndarray] | None = None,
        rate: int | None = None,
        chunk_hops: int = 1,
    ) -> Stream:
        """Start a stream for one speaker.

        Parameters
        ----------
        enrolment : Profile, sequence of ndarray or None
            Who to keep; clips at `rate`.
        rate : int or None
            Rate of enrolment clips in Hz; the model's when None.
        chunk_hops : int
            Hops executed at a time: 1 for live use, more for files.

        Returns
        -------
        Stream
            It takes and gives samples at the model's rate.
        """
        profile = self._profile(enrolment, rate or self.sample_rate)
        return Stream(self, None if profile is None else profile.cue, chunk_hops)

    def _profile(self, enrolment: Profile | Sequence[np.ndarray] | None, rate: int) -> Profile | None:
        """Check a profile against this model's encoder, or make one of clips."""
        if enrolment is None or not self.needs_cue:
            return None
        if not isinstance(enrolment, Profile):
            return self.enrol(enrolment, rate)
        self.check_profile(enrolment)
        return enrolment

    def _encoder_name(self) -> str:
        return str(self.config.get("speaker_encoder") or type(self._encoder()).__name__)

    def _encoder(self) -> SpeakerEncoder:
        if self.speaker_encoder is None:
            raise ConfigError("this model has no speaker encoder: it takes no enrolment")
        return self.speaker_encoder
