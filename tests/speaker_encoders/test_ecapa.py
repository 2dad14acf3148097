"""The ecapa encoder gives what SpeechBrain's own pretrained interface gives on the same folder."""

import pytest
import torch

from pse_plugins import build
from pse_plugins.errors import BundleError

SIZES = {"channels": 16, "embedding": 12}
HYPERPARAMS = """
compute_features: !new:speechbrain.lobes.features.Fbank {n_mels: 80}
mean_var_norm: !new:speechbrain.processing.features.InputNormalization {norm_type: sentence, std_norm: False}
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: 80
    channels: [16, 16, 16, 16, 48]
    attention_channels: 8
    se_channels: 8
    lin_neurons: 12
classifier: !new:torch.nn.Identity
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {embedding_model: !ref <embedding_model>}
"""


@torch.no_grad()
def test_a_folder_gives_what_speechbrain_makes_of_it(tmp_path):
    from speechbrain.inference.classifiers import EncoderClassifier

    torch.manual_seed(0)
    network = build("speaker_encoder", "ecapa", weights=None, **SIZES).network
    for name, value in network.state_dict().items():
        if "running" in name:  # statistics as after training
            value.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), tmp_path / "embedding_model.ckpt")
    (tmp_path / "hyperparams.yaml").write_text(HYPERPARAMS)
    theirs = EncoderClassifier.from_hparams(source=str(tmp_path), savedir=str(tmp_path / "saved"))
    ours = build("speaker_encoder", "ecapa", weights=str(tmp_path), **SIZES)
    clip = 0.1 * torch.randn(1, 2, 12000)
    cue = ours(clip, torch.tensor([[12000, 7000]]))
    for q, length in enumerate((12000, 7000)):
        assert torch.allclose(cue.vectors[0, q], theirs.encode_batch(clip[:, q, :length])[0, 0], atol=1e-5)
    assert torch.equal(cue.tokens[:, :, 0], cue.vectors)


def test_the_published_weights_are_of_the_default_size():
    encoder = build("speaker_encoder", "ecapa", weights=None)
    assert encoder.vector_dim == encoder.cue_dim == 192
    assert sum(p.numel() for p in encoder.network.parameters()) == 20_767_552
    assert [c.conv.conv.out_channels for c in (encoder.network.blocks[0], encoder.network.mfa)] == [
        1024,
        3072,
    ]


@torch.no_grad()
def test_a_clip_under_a_tenth_of_a_second_has_no_token():
    encoder = build("speaker_encoder", "ecapa", weights=None, **SIZES)
    cue = encoder(0.1 * torch.randn(1, 3, 3200), torch.tensor([[0, 1500, 3200]]))
    assert cue.mask[0, :, 0].tolist() == [False, False, True]
    assert cue.vectors[0, :2].abs().max() == 0
    assert cue.vectors[0, 2].abs().max() > 0


def test_an_unreachable_hub_is_said_in_one_line(monkeypatch):
    import speechbrain.utils.fetching

    def fail(*args, **kwargs):
        raise OSError("no route\nto host")

    monkeypatch.setattr(speechbrain.utils.fetching, "fetch", fail)
    with pytest.raises(BundleError, match="no route to host.*give its folder") as caught:
        build("speaker_encoder", "ecapa")
    assert "\n" not in str(caught.value)
