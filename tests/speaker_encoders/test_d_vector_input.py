"""The d-vector hears what its weights were trained on: mel frames, no long silences, clips of any length."""

import pytest
import torch
from torch.nn import functional

from pse_plugins import build
from pse_plugins.errors import ConfigError
from pse_plugins.speaker_encoders.slaney import slaney_mel
from pse_plugins.speaker_encoders.trimming import without_silence


def d_vector(**options):
    torch.manual_seed(0)
    return build("speaker_encoder", "d-vector", weights=None, hidden=16, layers=2, **options).eval()


def noise(samples, seed=0):
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def test_the_mel_filterbank_is_librosas():
    mel = slaney_mel(201, 40, 16000)
    stored = {  # librosa.filters.mel(sr=16000, n_fft=400, n_mels=40)
        (4, 1): 0.0112165716,
        (10, 4): 0.0076527242,
        (22, 11): 0.0130674,
        (100, 30): 0.0004932781,
        (100, 31): 0.0028009089,
        (180, 39): 0.0010694780,
    }
    for (bin_, filter_), value in stored.items():
        assert mel[bin_, filter_].item() == pytest.approx(value, rel=1e-4)
    assert mel[60, 20] == 0


def test_long_silence_goes_and_short_pauses_stay():
    speech, gap = noise(8000), torch.zeros(1, 16000)
    clip = torch.cat([gap, speech, gap, noise(8000, 1), gap], dim=1)
    kept, length = without_silence(clip, torch.tensor([clip.shape[1]]))
    assert length.item() == 16000 + 4 * 3200  # 0.2 s on either side of each stretch of speech
    assert torch.equal(kept[0, 3200:11200], speech[0])
    assert kept[0, length:].abs().max() == 0
    paused = torch.cat([speech, gap[:, :4800], speech], dim=1)
    assert torch.equal(without_silence(paused, torch.tensor([paused.shape[1]]))[0], paused)


def test_trimming_does_not_depend_on_the_level_and_leaves_silence_whole():
    clip = torch.cat([noise(8000), 3e-3 * noise(16000)], dim=1)
    lengths = [without_silence(gain * clip, torch.tensor([24000]))[1].item() for gain in (1e-3, 1.0, 10.0)]
    assert lengths == [11200] * 3
    assert without_silence(torch.zeros(1, 8000), torch.tensor([8000]))[1].item() == 8000


def test_log_frames_of_speech_are_about_standardised_and_another_encoder():
    plain, log = d_vector(), d_vector(log_mel=True)
    assert plain.fingerprint() != log.fingerprint()
    syllables = noise(32000) * torch.sin(torch.arange(32000) * 2 * torch.pi * 3 / 16000).clamp(min=0.03)
    power, heard = (encoder._features(syllables, torch.tensor([32000]))[0] for encoder in (plain, log))
    assert abs(heard.mean()) < 1.5 and 0.3 < heard.std() < 2
    torch.testing.assert_close(10 ** (1.5 * heard - 4), power + 1e-6, rtol=1e-3, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("partials", [False, True])
def test_silence_after_a_clip_hardly_moves_its_vector(partials):
    encoder, clip = d_vector(partials=partials), noise(40000)
    with_pause = functional.pad(clip, (0, 3200)).unsqueeze(1)
    with_silence = functional.pad(clip, (0, 32000)).unsqueeze(1)
    one = encoder(with_pause, torch.tensor([[43200]])).vectors
    assert torch.allclose(encoder(with_silence, torch.tensor([[72000]])).vectors, one, atol=1e-6)


@torch.no_grad()
def test_partials_are_stretches_of_their_own():
    encoder, whole = d_vector(partials=True), d_vector()
    mel = torch.rand(1, 160 + 77 + 10, 40)
    stretches = torch.cat([mel[:, :160], mel[:, 77:237]])
    tokens = encoder.lstm(stretches)[0]
    each = functional.normalize(torch.relu(encoder.linear(tokens[:, -1])), dim=1)
    expected = functional.normalize(each.sum(0), dim=0)
    got = encoder._of_partials(functional.pad(mel, (0, 0, 0, 200)), torch.tensor([247]))
    assert torch.allclose(got[0], expected, atol=1e-6)  # the third, of 93 frames, is left out
    clip, lengths = noise(12000).unsqueeze(1), torch.tensor([[12000]])
    assert torch.allclose(encoder(clip, lengths).vectors, whole(clip, lengths).vectors, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("partials", [False, True])
def test_partials_and_trimming_ignore_padding_and_company(partials):
    encoder = d_vector(partials=partials)
    clips = torch.stack([noise(48000, 2), torch.cat([noise(20000, 3), torch.zeros(1, 28000)], 1)], dim=1)
    cue = encoder(clips, torch.tensor([[48000, 20000]]))
    for q, length in enumerate((48000, 20000)):
        alone = encoder(clips[:, q : q + 1, :length], torch.tensor([[length]]))
        n = alone.mask.shape[2]
        assert cue.mask[0, q].sum() == n
        assert torch.allclose(alone.tokens[0, 0], cue.tokens[0, q, :n], atol=1e-6)
        assert torch.allclose(alone.vectors[0, 0], cue.vectors[0, q], atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("partials", [False, True])
def test_clips_of_no_or_few_samples_do_not_crash(partials):
    encoder = d_vector(partials=partials)
    nothing = encoder(torch.zeros(2, 1, 0), torch.zeros(2, 1, dtype=torch.long))
    assert not nothing.mask.any()
    assert nothing.vectors.abs().max() == 0
    assert encoder(noise(50).unsqueeze(1), torch.tensor([[50]])).vectors.isfinite().all()


def test_sizes_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="d-vector"):
        build("speaker_encoder", "d-vector", weights=None, hidden=0)
