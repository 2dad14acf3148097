"""An enhancer does the same offline and streaming, for every pair and every size of block."""

import numpy as np
import pytest
import torch
from fake_plugins import good
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import PAIRS, TINY, tiny_enhancer

from pse_plugins.assembly import DEFAULTS, build_enhancer, moved
from pse_plugins.contracts import SpeakerCue
from pse_plugins.enhancer import Enhancer
from pse_plugins.errors import AudioError, BundleError, ComponentError, ConfigError

RATE = 16000


def cue_for(enhancer, seed=0, clips=2):
    generator = torch.Generator().manual_seed(seed)
    encoder = enhancer.speaker_encoder
    mask = torch.rand(1, clips, 9, generator=generator) > 0.3
    tokens = torch.randn(1, clips, 9, encoder.cue_dim, generator=generator)
    return SpeakerCue(tokens, mask, torch.randn(1, clips, encoder.vector_dim, generator=generator))


def noise(seconds=0.5, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def run(stream, signal, sizes):
    out, i = [], 0
    for size in sizes:
        out.append(stream.feed(signal[i : i + size]))
        i += size
    out.append(stream.feed(signal[i:]))
    return np.concatenate([*out, stream.flush()])


@pytest.mark.parametrize(("conditioner", "backbone"), PAIRS)
@pytest.mark.parametrize(
    "frontend", [{"frame": 64, "hop": 32}, {"frame": 64, "hop": 16, "synthesis_frame": 32}]
)
def test_streaming_equals_offline_over_many_receptive_fields(conditioner, backbone, frontend):
    enhancer = tiny_enhancer(conditioner, backbone, frontend_options={**frontend, "compression": 0.3})
    cue, x = cue_for(enhancer), noise()  # 250 to 500 frames; the deepest receptive field has 15
    with torch.inference_mode():
        offline = enhancer(torch.from_numpy(x)[None], cue).estimate[0].numpy()
    for chunk in (1, 3):
        streamed = run(_stream(enhancer, cue, chunk), x, [])
        assert streamed.shape == x.shape
        assert np.abs(streamed - offline).max() < 1e-4
        assert np.abs(streamed).max() > 1e-3


@pytest.mark.parametrize("backbone", list(TINY))
def test_a_conditioner_of_the_features_stands_once_before_the_backbone(backbone, monkeypatch):
    from pse_plugins.conditioners.film import Film

    monkeypatch.setattr(Film, "site", "features")
    enhancer = tiny_enhancer("film", backbone)
    (film,) = (module for module in enhancer.modules() if isinstance(module, Film))
    with torch.no_grad():
        film.shift.weight.normal_()
    cue, other, x = cue_for(enhancer), cue_for(enhancer, seed=1), noise()
    with torch.inference_mode():
        offline = enhancer(torch.from_numpy(x)[None], cue).estimate[0].numpy()
        assert np.abs(offline - enhancer(torch.from_numpy(x)[None], other).estimate[0].numpy()).max() > 1e-4
    assert np.abs(run(_stream(enhancer, cue), x, []) - offline).max() < 1e-4
    assert not enhancer.backbone.backbone.needs_cue


def _stream(enhancer, cue, chunk_hops=1):
    from pse_plugins.stream import Stream

    return Stream(enhancer, cue, chunk_hops)


ENHANCERS = {pair: tiny_enhancer(*pair) for pair in [("film", "gru"), ("cross-attention", "transformer")]}


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted(ENHANCERS)), st.lists(st.integers(1, 700), max_size=12), st.integers(1, 2000))
def test_blocks_of_any_size_give_the_same_bits(pair, sizes, length):
    enhancer = ENHANCERS[pair]
    cue, x = cue_for(enhancer), noise()[:length]
    whole = run(_stream(enhancer, cue), x, [])
    blocks = run(_stream(enhancer, cue), x, sizes)
    assert blocks.shape == x.shape
    assert np.array_equal(whole, blocks)


@pytest.mark.parametrize(("conditioner", "backbone"), PAIRS)
def test_causal_to_the_declared_latency(conditioner, backbone):
    enhancer = tiny_enhancer(conditioner, backbone)
    cue, x = cue_for(enhancer), noise()
    y = x.copy()
    y[4000:] = noise(seed=1)[4000:]
    with torch.inference_mode():
        a, b = (enhancer(torch.from_numpy(s)[None], cue).estimate[0].numpy() for s in (x, y))
    first = int(np.flatnonzero(a != b)[0])
    assert 4000 - enhancer.latency <= first <= 4000
    assert np.abs(a - b).max() > 1e-3


def test_streams_are_independent_and_reset_forgets():
    enhancer = ENHANCERS["film", "gru"]
    one, two = _stream(enhancer, cue_for(enhancer, 0)), _stream(enhancer, cue_for(enhancer, 1))
    x, z = noise(), noise(seed=3)
    alone = run(_stream(enhancer, cue_for(enhancer, 0)), x, [])
    parts = []
    for i in range(0, len(x), 100):
        parts.append(one.feed(x[i : i + 100]))
        two.feed(z[i : i + 100])
    assert np.array_equal(np.concatenate([*parts, one.flush()]), alone)
    assert np.array_equal(run(one, x, []), alone)  # flush began anew
    two.reset()
    assert np.array_equal(run(two, x, [17]), run(_stream(enhancer, cue_for(enhancer, 1)), x, []))


def test_an_open_mask_gives_the_mixture_back_at_its_level_and_place():
    enhancer = tiny_enhancer()
    torch.nn.init.zeros_(enhancer.backbone.head.weight)
    torch.nn.init.constant_(enhancer.backbone.head.bias, 30.0)
    x = noise()
    assert np.abs(run(_stream(enhancer, cue_for(enhancer)), x, [777]) - x).max() < 1e-5


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_arrays_keep_rate_length_and_take_clips_or_a_profile(voice, rate):
    enhancer = tiny_enhancer()
    x = voice(200, 1.3, rate)
    clips = [voice(100, 1.5, rate), voice(100, 2.0, rate, seed=1)]
    profile = enhancer.enrol(clips, rate)
    assert profile.cue.vectors.shape[1] == 2
    assert enhancer.enhance(x, rate, profile).shape == x.shape
    assert np.allclose(enhancer.enhance(x, rate, clips), enhancer.enhance(x, rate, profile), atol=1e-6)


def test_frozen_encoder_is_outside_and_moves_along():
    enhancer = tiny_enhancer()
    enhancer = Enhancer(
        enhancer.frontend, enhancer.backbone, enhancer.speaker_encoder.freeze(), enhancer.config
    )
    assert not any("lstm" in name for name in [*enhancer.state_dict(), *dict(enhancer.named_parameters())])
    enhancer.train()
    assert not enhancer.speaker_encoder.training
    enhancer.to("meta")
    assert next(enhancer.speaker_encoder.parameters()).device.type == "meta"


def test_the_cue_changes_the_estimate_and_its_padding_does_not():
    for pair in PAIRS:
        enhancer = tiny_enhancer(*pair)
        x, cue = torch.from_numpy(noise(0.1))[None], cue_for(enhancer)
        other = cue_for(enhancer, 5)
        filled = torch.where(cue.mask.unsqueeze(-1), cue.tokens, 1e3)
        with torch.inference_mode():
            a, b, c = (
                enhancer(x, k).estimate for k in (cue, other, SpeakerCue(filled, cue.mask, cue.vectors))
            )
        assert (a - b).abs().max() > 1e-5, pair
        assert torch.equal(a, c), pair


def test_needs_an_enrolment_and_the_right_profile(voice):
    enhancer, other = tiny_enhancer(), tiny_enhancer(seed=1)
    with pytest.raises(AudioError, match="enrolment"):
        enhancer.enhance(noise(), RATE)
    with pytest.raises(BundleError, match="enrol again"):
        enhancer.enhance(noise(), RATE, other.enrol([voice()], RATE))


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (np.zeros((2, 100), np.float32), "one channel"),
        (np.zeros(0, np.float32), "no samples"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
        (np.array([0.0, np.inf], np.float32), "infinite"),
    ],
)
def test_bad_arrays_are_refused(voice, bad, word):
    enhancer = tiny_enhancer()
    with pytest.raises(AudioError, match=word):
        enhancer.enhance(bad, RATE, [voice()])
    with pytest.raises(AudioError, match=word):
        enhancer.enhance(noise(), RATE, [bad])


@pytest.mark.parametrize("clip", [np.zeros(16000, np.float32), noise(0.2)], ids=["silent", "0.2 s"])
def test_useless_enrolment_is_refused(clip):
    with pytest.raises(AudioError, match="enrolment clip"):
        tiny_enhancer().enrol([clip], RATE)


def test_an_enhancer_without_conditioner_needs_nobody():
    enhancer = build_enhancer({"conditioner": None, "backbone_options": {"hidden": 8}})
    assert not enhancer.needs_cue
    assert enhancer.speaker_encoder is None
    assert enhancer.enhance(noise(), RATE).shape == noise().shape


@pytest.mark.parametrize(
    ("config", "error", "word"),
    [
        ({"conditoner": "film"}, ConfigError, "did you mean 'conditioner'"),
        ({"conditioner": "flim"}, ComponentError, "did you mean 'film'"),
        ({"backbone_options": {"hiden": 3}}, ComponentError, "did you mean 'hidden'"),
        ({"conditioner_options": {"vieww": 1}}, ComponentError, "did you mean 'view'"),
        ({"frontend_options": {"hopp": 1}}, ComponentError, "did you mean 'hop'"),
        ({"backbone_options": {"layers": 0}}, ConfigError, "at least 1"),
        ({"speaker_encoder": None}, ConfigError, "needs a speaker_encoder"),
        ({"conditioner": "sparse-moe", "conditioner_options": {"top_k": 9}}, ConfigError, "top_k"),
        ({"conditioner_options": {"view": "vectors"}}, ConfigError, "did you mean 'vector'"),
    ],
)
def test_wrong_configurations_say_what_is_wrong(config, error, word):
    tiny = {"speaker_encoder_options": {"weights": None, "hidden": 6, "layers": 1}}
    with pytest.raises(error, match=word):
        build_enhancer({**tiny, **config})


def test_the_config_builds_the_same_enhancer_again():
    enhancer = tiny_enhancer("cross-attention", "transformer")
    again = build_enhancer(enhancer.config)
    assert set(enhancer.config) == set(DEFAULTS)
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in enhancer.state_dict().items()
    }
    assert TINY["transformer"].items() <= again.config["backbone_options"].items()


@pytest.mark.parametrize(
    ("hidden", "count"), [(64, 169473), (128, 412161), (256, 1118721), (512, 3416577), (1024, 11551233)]
)
def test_gru_specialists_have_the_papers_sizes(hidden, count):
    config = {"sample_rate": 8000, "conditioner": None, "backbone_options": {"hidden": hidden}}
    assert sum(p.numel() for p in build_enhancer(config).parameters()) == count


def test_a_conditioner_s_site_is_checked_and_that_of_a_plugin_s_said_where_it_is_overridden(
    install, monkeypatch, caplog
):
    from pse_plugins.conditioners.film import Film

    options = {"speaker_encoder": "gru-siamese", "backbone_options": {"hidden": 8, "condition_site": "input"}}
    monkeypatch.setattr(Film, "site", "after_attention")
    with pytest.raises(ConfigError, match="film: no site 'after_attention'; did you mean 'after-attention'"):
        build_enhancer(options)
    monkeypatch.setattr(Film, "site", "after-attention")
    with caplog.at_level("INFO"):
        config = build_enhancer(options).config
    assert caplog.text == "", "who trains says it; others build, too"
    assert moved(config) == "", "what a recipe says of the site is meant for film"
    install("pse-fake-a", good("wobble"))
    config["conditioner"] = "wobble"
    assert moved(config).startswith(
        "wobble stands at 'input' by backbone_options, not at 'after-attention' as it prefers; it would with"
    )
    for same in ({"condition_site": "after-attention"}, {}):
        assert moved({**config, "backbone_options": same}) == ""
    assert moved({**config, "conditioner": None}) == ""
