"""Recognisers: the one whose model is in its package, and those that read a local model."""

import sys

import numpy as np
import pytest
import torch
from pse_runtime.audio import resample

from pse_plugins import build
from pse_plugins.data.espeak import speak
from pse_plugins.data.voices import cast_voices
from pse_plugins.errors import ComponentError, ConfigError, PseError
from pse_plugins.recognisers.local import write
from pse_plugins.recognisers.pocketsphinx import Pocketsphinx
from pse_plugins.recognisers.silero import Silero, spell
from pse_plugins.recognisers.speechbrain_asr import SpeechBrainAsr
from pse_plugins.recognisers.whisper import Whisper
from pse_plugins.testing import examine

LOCAL = ["whisper", "silero", "speechbrain-asr"]


def check(factory, **options):
    results = examine("recogniser", factory, **options)
    wrong = [f"{r.check}: {r.message}" for r in results if not r.ok]
    assert not wrong and len(results) >= 4, wrong


@pytest.fixture
def sphinx():
    pytest.importorskip("pocketsphinx", reason='pip install "pse-plugins[wer]"')
    return Pocketsphinx()


def test_pocketsphinx_hears_a_clear_sentence_at_any_rate(sphinx):
    pytest.importorskip("espeakng_loader", reason='pip install "pse-plugins[demo]"')
    sound = speak(cast_voices(12, 0)["train"][0], "We will see you in the morning.", 16000)
    wanted = {"WE", "WE'LL", "WILL", "SEE", "YOU", "IN", "THE", "MORNING"}
    for rate in (16000, 44100):
        words = sphinx(resample(sound, 16000, rate), rate).split()
        assert len(wanted & set(words)) >= 3, words


def test_pocketsphinx_hears_each_sound_by_itself(sphinx):
    pytest.importorskip("espeakng_loader", reason='pip install "pse-plugins[demo]"')
    texts = ("We will see you in the morning.", "The small boat came back before the storm.")
    sounds = [speak(cast_voices(12, 0)["train"][0], text, 16000, seed) for text in texts for seed in range(3)]
    first = [sphinx(sound, 16000) for sound in sounds]
    assert [sphinx(sound, 16000) for sound in reversed(sounds)] == first[::-1]


def test_pocketsphinx_keeps_to_the_contract_and_takes_other_models(sphinx):
    from pocketsphinx import get_model_path

    check(Pocketsphinx)
    own = Pocketsphinx(get_model_path("en-us/en-us"), dictionary=get_model_path("en-us/cmudict-en-us.dict"))
    assert own(np.zeros(1600, np.float32), 16000) == ""
    with pytest.raises(
        ConfigError, match="recogniser 'pocketsphinx'.*/nowhere: is not there; .*language_model"
    ):
        build("recogniser", "pocketsphinx", language_model="/nowhere")
    with pytest.raises(ConfigError, match="does not start with"):
        build("recogniser", "pocketsphinx", acoustic_model=get_model_path("en-us"))


@pytest.mark.parametrize(
    "name, package, remedy",
    [("pocketsphinx", "pocketsphinx", r"pse-plugins\[wer\]"), ("whisper", "whisper", "openai")],
)
def test_a_missing_package_is_named_with_its_remedy(name, package, remedy, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(PseError, match=f"{package} is not installed: pip install .*{remedy}"):
        build("recogniser", name)


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_model_has_to_be_given_and_to_be_one(name, tmp_path, whisper_package):
    with pytest.raises(ConfigError, match=r"needs a .*give its path as the option model: \{model: PATH\}"):
        build("recogniser", name)
    with pytest.raises(ConfigError, match="/nowhere: is not there"):
        build("recogniser", name, model="/nowhere")
    path = tmp_path / "hyperparams.yaml"
    path.write_text("modules: {}\n")
    with pytest.raises(ConfigError, match=f"recogniser '{name}' .*{tmp_path}"):
        build("recogniser", name, model=str(tmp_path if name == "speechbrain-asr" else path))
    with pytest.raises(ComponentError, match="did you mean 'model'"):
        build("recogniser", name, modle="x")


@pytest.fixture
def whisper_package(tmp_path, monkeypatch):
    """A package with the two calls of openai-whisper: its network says how long the sound is."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "whisper.py").write_text(
        "import torch\n"
        "class Network:\n"
        "    def __init__(self, weights, device): self.word, self.device = weights['word'], device\n"
        "    def transcribe(self, audio, *, language, temperature, condition_on_previous_text, fp16):\n"
        "        assert audio.dtype == 'float32' and temperature == 0 and not condition_on_previous_text and not fp16\n"
        "        return {'text': f' {self.word},  {language} {len(audio) // 1600}.'}\n"
        "def load_model(name, device=None): return Network(torch.load(name, weights_only=True), device)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "whisper", raising=False)
    yield
    sys.modules.pop("whisper", None)


def test_whisper_reads_its_weights_and_hears_at_16_khz(tmp_path, whisper_package):
    torch.save({"word": "well"}, tmp_path / "tiny.pt")
    recogniser = Whisper(str(tmp_path / "tiny.pt"), language="de")
    assert recogniser(np.zeros(44100, np.float32), 44100) == "WELL, DE 10."
    check(Whisper, model=str(tmp_path / "tiny.pt"))


class Spelling(torch.nn.Module):
    """A network as Silero's: a letter a tenth of a second, by how loud it is."""

    labels: list[str]

    def __init__(self):
        super().__init__()
        self.labels = ["_", "a", "b", " ", "2"]

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        level = torch.nn.functional.avg_pool1d(sound.abs(), 1600)
        best = (level * 100).round().long().clamp(0, 4)
        return torch.nn.functional.one_hot(best, 5).float()


def test_silero_spells_what_its_network_hears(tmp_path):
    torch.jit.script(Spelling()).save(tmp_path / "model.jit")
    recogniser = Silero(str(tmp_path / "model.jit"))
    levels = [1, 1, 0, 2, 4, 3, 0, 1]  # hundredths: a, a, none, b, again, space, none, a
    assert recogniser(np.repeat(levels, 1600).astype(np.float32) / 100, 16000) == "ABB A"
    assert recogniser(np.zeros(0, np.float32), 16000) == ""
    check(Silero, model=str(tmp_path / "model.jit"))


def test_spelling_doubles_only_where_it_is_said():
    labels = ["_", "a", "2"]
    assert [spell(best, labels) for best in ([1, 0, 1], [1, 2], [1, 2, 1], [2, 1], [])] == [
        "a",
        "aa",
        "aa",
        "a",
        "",
    ]


PARTS = """
import torch
class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.zeros(1))
    def forward(self, sound, lengths):
        assert lengths.tolist() == [1.0] and sound.dim() == 2
        return sound * self.gain
class Decoder(torch.nn.Module):
    def forward(self, encoded, lengths):
        return [[int(encoded.max() * 10), encoded.shape[1] // 1600]], None, None, None
class Tokenizer:
    def decode_ids(self, ids): return f"level {ids[0]} tenths {ids[1]}"
"""
HYPERPARAMS = """
pretrained_path: speechbrain/asr-crdnn-of-the-hub
encoder: !new:asr_parts.Encoder
decoder: !new:asr_parts.Decoder
tokenizer: !new:asr_parts.Tokenizer
modules:
  encoder: !ref <encoder>
  decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <encoder>
  paths:
    encoder: !ref <pretrained_path>/encoder.ckpt
"""


def test_speechbrains_models_load_from_their_folder_and_leave_nothing_behind(tmp_path, monkeypatch):
    for folder in ("site", "model", "here"):
        (tmp_path / folder).mkdir()
    (tmp_path / "site" / "asr_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path / "here")
    folder = tmp_path / "model"
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS)
    with pytest.raises(ConfigError, match=r"speechbrain-asr.*encoder\.ckpt"):
        build("recogniser", "speechbrain-asr", model=str(folder))
    torch.save({"gain": torch.full((1,), 3.0)}, folder / "encoder.ckpt")
    recogniser = SpeechBrainAsr("../model")
    assert recogniser(np.full(8000, 0.2, np.float32), 8000) == "LEVEL 6 TENTHS 10"
    assert not list((tmp_path / "here").iterdir())
    assert sorted(p.name for p in folder.iterdir()) == ["encoder.ckpt", "hyperparams.yaml"]


def test_nothing_heavy_is_imported_to_list_them():
    import subprocess

    code = (
        "import sys, pse_plugins.recognisers as r; list(r.pse_recognisers()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_words_are_written_as_the_contract_says():
    assert write("  it's\ta\n day ") == "IT'S A DAY"
