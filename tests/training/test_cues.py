"""Cues that are kept: in memory, and on disk for other trainings."""

import numpy as np
import pytest
import torch
from tiny_models import tiny_enhancer

from pse_plugins.data import ClipRef
from pse_plugins.errors import DataError
from pse_plugins.training.cues import CueBank

LENGTH = 8000


class Pool:
    """Two recordings, three clips each."""

    def knows(self, utterance):
        return utterance in ("a", "b")

    def clip_grid(self, utterance, length):
        return [ClipRef(utterance, start, length) for start in (0, 100, 200)]

    def clip(self, ref):
        rng = np.random.default_rng([ord(ref.utterance), ref.start])
        return rng.standard_normal(ref.length).astype(np.float32)


def encoder(seed=0):
    return tiny_enhancer(seed=seed).speaker_encoder


def asked(bank):
    return bank([[ClipRef("a", 100, LENGTH)], [ClipRef("b", 0, LENGTH), ClipRef("a", 200, LENGTH)]])


def deaf(encoder):
    """Let an encoder hear nothing more."""
    encoder.forward = None
    return encoder


def test_a_bank_gives_what_the_encoder_hears_clip_by_clip():
    of, clip = encoder(), Pool().clip(ClipRef("a", 200, LENGTH))
    cue = asked(CueBank(of, [Pool()], tokens=True))
    with torch.no_grad():
        one = of(torch.from_numpy(clip)[None, None], torch.tensor([[LENGTH]]))
    torch.testing.assert_close(cue.vectors[1, 1], one.vectors[0, 0])
    torch.testing.assert_close(cue.tokens[1, 1], one.tokens[0, 0], atol=1e-3, rtol=0)
    assert not cue.mask[0, 1].any() and cue.mask[1, 1].any()


@pytest.mark.parametrize("tokens", [True, False])
def test_what_is_on_disk_is_what_was_heard_and_no_one_need_hear_it_again(tokens, tmp_path):
    heard = asked(CueBank(encoder(), [Pool()], tokens, folder=tmp_path / "new"))
    files = sorted(path.suffix for path in (tmp_path / "new").iterdir())
    assert files == [".safetensors"] * 2  # one a recording, and nothing half written
    found = asked(CueBank(deaf(encoder()), [Pool()], tokens, folder=tmp_path / "new"))
    plain = asked(CueBank(encoder(), [Pool()], tokens))
    for name in ("tokens", "mask", "vectors"):
        assert torch.equal(getattr(heard, name), getattr(plain, name))
        assert torch.equal(getattr(found, name), getattr(plain, name))


def test_a_damaged_file_and_a_folder_that_is_none_are_said(tmp_path):
    asked(CueBank(encoder(), [Pool()], tokens=True, folder=tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(b"half")
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "file"):
        with pytest.raises(DataError, match="leave cue_folder out"):
            asked(CueBank(encoder(), [Pool()], tokens=True, folder=folder))


def test_what_another_encoder_heard_or_what_has_no_tokens_is_not_taken(tmp_path):
    asked(CueBank(encoder(), [Pool()], tokens=False, folder=tmp_path))
    for other, tokens in ((encoder(seed=1), False), (encoder(), True)):
        with pytest.raises(TypeError):
            asked(CueBank(deaf(other), [Pool()], tokens, folder=tmp_path))
