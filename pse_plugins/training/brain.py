"""The Brain of enhancers: `SteadyBrain` on batches of mixtures."""

from __future__ import annotations

from typing import Any

import speechbrain as sb
import torch
from torch import Tensor, nn

from .. import host
from ..contracts import Loss, SpeakerCue
from ..data import MixtureBatch, collate
from ..enhancer import Enhanced, Enhancer
from ..losses.si_sdr import SiSdr
from .cues import CueBank
from .steady import SteadyBrain


class PSEBrain(SteadyBrain):
    """Trains an `Enhancer` on `MixtureBatch`es.

    The enhancer is the one root module, so DDP sees every parameter through one forward.

    Parameters
    ----------
    enhancer : Enhancer
    loss : str
        Name of a loss.
    loss_options : dict
        Its options.
    cue_bank : CueBank or None
        Cached cues of a frozen encoder; None encodes each batch.
    **brain
        What `SteadyBrain` takes.
    """

    judged_by = "si_sdr_improvement"
    collate = staticmethod(collate)

    def __init__(
        self,
        enhancer: Enhancer,
        loss: str = "si-sdr",
        loss_options: dict[str, Any] | None = None,
        cue_bank: CueBank | None = None,
        **brain: Any,
    ) -> None:
        super().__init__(modules={"enhancer": enhancer}, **brain)
        self.loss: Loss = host.build("loss", loss, **(loss_options or {}))
        self.cue_bank = cue_bank
        self.si_sdr = SiSdr(limit_db=100.0)

    @property
    def enhancer(self) -> Enhancer:
        """The enhancer, out of its DDP wrapper."""
        module = self.modules["enhancer"]
        return getattr(module, "module", module)

    def parts(self) -> list[object]:
        """List what may be the cause of what is not finite: the loss and a frozen encoder too."""
        encoder = self.enhancer.speaker_encoder
        return [*super().parts(), self.loss, *(encoder.modules() if encoder else ())]

    def compute_forward(self, batch: MixtureBatch, stage: sb.Stage) -> Enhanced:
        """Enhance a batch; outside training without DDP's wrapper, as ranks may have unequal shares."""
        batch = batch.to(self.device)
        module: nn.Module = self.modules["enhancer"] if stage == sb.Stage.TRAIN else self.enhancer
        cue = self._cue(batch)
        if cue is not None or not self.enhancer.needs_cue:
            return module(batch.mixture, cue, lengths=batch.lengths)
        return module(batch.mixture, None, batch.enrolment, batch.enrolment_lengths, batch.lengths)

    def _cue(self, batch: MixtureBatch) -> SpeakerCue | None:
        """Give frozen cues, from the bank where it can; None leaves it to the forward."""
        encoder = self.enhancer.speaker_encoder
        if not self.enhancer.needs_cue or encoder is None or not encoder.frozen:
            return None
        if self.cue_bank is not None and all(batch.clips):
            return self.cue_bank(batch.clips).to(self.device)
        return self.enhancer.embed(batch.enrolment, batch.enrolment_lengths)

    def compute_objectives(self, predictions: Enhanced, batch: MixtureBatch, stage: sb.Stage) -> Tensor:
        """Average the loss over the batch, plus auxiliary losses in training."""
        batch = batch.to(self.device)
        with torch.autocast(torch.device(self.device).type, enabled=False):
            estimate = predictions.estimate.float()
            per_item = self.loss(estimate, batch.target, batch.lengths)
            if stage != sb.Stage.TRAIN:
                self._score(estimate, batch, per_item)
            return per_item.mean() + sum(predictions.losses.values())

    def _score(self, estimate: Tensor, batch: MixtureBatch, per_item: Tensor) -> None:
        """Add up validation scores: loss, and SI-SDR improvement overall and by scenario."""
        before = self.si_sdr(batch.mixture, batch.target, batch.lengths)
        gain = (before - self.si_sdr(estimate, batch.target, batch.lengths)).tolist()
        for scenario, value, loss in zip(batch.scenarios, gain, per_item.tolist()):
            self.add_score("loss", loss)
            if scenario not in ("clean", "absent"):
                self.add_score("si_sdr_improvement", value)
            self.add_score(scenario, value)
