"""Encoders tell clips apart by what is in them, not by padding, company or level."""

import pytest
import torch

from pse_plugins import build
from pse_plugins.contracts import initial_state
from pse_plugins.errors import BundleError, ConfigError
from pse_plugins.speaker_encoders import d_vector

OPTIONS = {
    "d-vector": {"weights": None, "hidden": 16, "layers": 2},
    "gru-siamese": {"hidden": 8},
    "ecapa": {"weights": None, "channels": 16, "embedding": 12},
}


@pytest.fixture(params=OPTIONS)
def encoder(request):
    torch.manual_seed(0)
    return build("speaker_encoder", request.param, **OPTIONS[request.param]).eval()


def clips(batch=2, count=2, samples=8000):
    return 0.1 * torch.randn(batch, count, samples, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_shapes_padding_and_company(encoder):
    x, lengths = clips(), torch.tensor([[8000, 4000], [6000, 0]])
    cue = encoder(x, lengths)
    assert cue.tokens.shape[:2] == (2, 2)
    assert cue.tokens.shape[3] == encoder.cue_dim
    assert cue.vectors.shape == (2, 2, encoder.vector_dim)
    assert not cue.mask[1, 1].any()
    assert cue.vectors[1, 1].abs().max() == 0
    alone = encoder(x[:1, 1:, :4000], lengths[:1, 1:])
    assert torch.allclose(alone.vectors[0, 0], cue.vectors[0, 1], atol=1e-5)
    filled = x.clone()
    filled[0, 1, 4000:] = 1e3
    assert torch.allclose(encoder(filled, lengths).vectors, cue.vectors, atol=1e-5)
    assert (cue.vectors[0, 0] - cue.vectors[0, 1]).abs().max() > 1e-4


@torch.no_grad()
def test_finite_on_silence(encoder):
    cue = encoder(torch.zeros(1, 1, 8000), torch.tensor([[8000]]))
    assert cue.tokens.isfinite().all()
    assert cue.vectors.isfinite().all()


def test_frozen_ones_stay_in_evaluation_mode():
    ecapa = build("speaker_encoder", "ecapa", **OPTIONS["ecapa"])
    assert ecapa.frozen
    assert not ecapa.train().training
    assert not any(p.requires_grad for p in ecapa.parameters())
    assert not build("speaker_encoder", "gru-siamese").frozen


@torch.no_grad()
def test_d_vector_raises_quiet_clips_only_and_its_vectors_have_unit_length():
    torch.manual_seed(0)
    encoder = build("speaker_encoder", "d-vector", **OPTIONS["d-vector"]).eval()
    x, n = clips(1, 1), torch.tensor([[8000]])
    quiet, quieter = encoder(0.1 * x, n), encoder(0.02 * x, n)
    assert torch.allclose(quiet.vectors, quieter.vectors, atol=1e-4)
    assert quiet.vectors.norm(dim=-1).item() == pytest.approx(1, abs=1e-4)
    assert not torch.allclose(encoder(x, n).tokens, encoder(10 * x, n).tokens, atol=1e-3)


def test_d_vector_reads_local_weights_and_says_what_is_wrong(tmp_path, monkeypatch):
    torch.manual_seed(0)
    encoder = build("speaker_encoder", "d-vector", **OPTIONS["d-vector"])
    path = tmp_path / "w.pt"
    torch.save({"model_state": {**encoder.state_dict(), "similarity_weight": torch.ones(1)}}, path)
    again = build("speaker_encoder", "d-vector", **{**OPTIONS["d-vector"], "weights": str(path)})
    assert again.frozen
    assert again.fingerprint() == encoder.fingerprint()
    with pytest.raises(BundleError, match="lacks"):
        build("speaker_encoder", "d-vector", weights=str(path))
    with pytest.raises(BundleError, match="no such file"):
        build("speaker_encoder", "d-vector", weights=str(tmp_path / "none.pt"))
    path.write_bytes(b"nonsense")
    with pytest.raises(BundleError, match="not a file of weights"):
        build("speaker_encoder", "d-vector", weights=str(path))
    monkeypatch.setattr(d_vector.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BundleError, match="pip install --no-deps resemblyzer"):
        build("speaker_encoder", "d-vector")


class Payload:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_weights_with_code_inside_are_refused(tmp_path, capsys):
    torch.save({"model_state": Payload()}, tmp_path / "evil.pt")
    with pytest.raises(BundleError):
        build("speaker_encoder", "d-vector", weights=str(tmp_path / "evil.pt"))
    assert "must not run" not in capsys.readouterr().out


def test_ecapa_reads_a_local_folder(tmp_path):
    torch.manual_seed(0)
    encoder = build("speaker_encoder", "ecapa", **OPTIONS["ecapa"])
    torch.save(encoder.network.state_dict(), tmp_path / "embedding_model.ckpt")
    again = build("speaker_encoder", "ecapa", **{**OPTIONS["ecapa"], "weights": str(tmp_path)})
    x, n = clips(1, 1), torch.tensor([[8000]])
    assert torch.equal(encoder(x, n).vectors, again(x, n).vectors)
    with pytest.raises(BundleError, match="of this size"):
        build("speaker_encoder", "ecapa", weights=str(tmp_path), channels=32, embedding=12)
    (tmp_path / "embedding_model.ckpt").unlink()
    with pytest.raises(BundleError, match="no embedding_model.ckpt"):
        build("speaker_encoder", "ecapa", weights=str(tmp_path))


@torch.no_grad()
def test_gru_siamese_hears_features_as_they_come():
    torch.manual_seed(0)
    encoder = build("speaker_encoder", "gru-siamese", input="features", n_bins=33).eval()
    x = torch.rand(2, 20, 33)
    cue = encoder(x, torch.tensor([20, 12]))
    assert cue.tokens.shape == (2, 1, 20, 32)
    state = initial_state(encoder.state_spec(), 2, x)
    for i, block in enumerate(x.split(3, dim=1)):
        vector, state = encoder.step(block, state)
        if i == 3:
            assert torch.allclose(vector[1], cue.vectors[1, 0], atol=1e-6)
    assert torch.allclose(vector[0], cue.vectors[0, 0], atol=1e-6)


def test_gru_siamese_has_the_papers_size_and_checks_its_options():
    with_gate = build("speaker_encoder", "gru-siamese", input="features", n_bins=513)
    count = sum(p.numel() for p in with_gate.parameters())
    assert round((count + 32 * 10 + 10) / 1e6, 3) == 0.059
    with pytest.raises(ConfigError, match="n_bins"):
        build("speaker_encoder", "gru-siamese", input="features")


def test_the_fingerprint_follows_what_changes_the_cues():
    torch.manual_seed(0)
    whole = build("speaker_encoder", "d-vector", **OPTIONS["d-vector"])
    partials = build("speaker_encoder", "d-vector", partials=True, **OPTIONS["d-vector"])
    partials.load_state_dict(whole.state_dict())
    assert partials.fingerprint() != whole.fingerprint()
