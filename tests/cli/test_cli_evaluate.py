import json

import numpy as np
import pytest
import soundfile
from rig import RATE, model, pse, put, talk

from pse_plugins.data import MixtureDataset, NoisePool, SpeechPool, write_test_list
from pse_plugins.data.corpora import prepare_noise, prepare_speaker_folders

FILES = ["report.html", "results.json", "results.md"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of three speakers, two noises, and a test list of six items; gives the options that name them."""
    root = tmp_path_factory.mktemp("data")
    for k, name in enumerate("abc"):
        (root / "speech" / name).mkdir(parents=True)
        put(root / "speech" / name / "1.wav", talk(6, seed=k))
    (root / "noise").mkdir()
    for k in range(2):
        put(root / "noise" / f"{k}.wav", talk(4, seed=10 + k))
    speech = prepare_speaker_folders(root / "speech", root / "speech.json")
    noise = prepare_noise(root / "noise", root / "noise.json")
    pool = SpeechPool(speech, RATE, enrolment_rate=16000)
    law = {"segment": 1.0, "enrolment_seconds": 1.0, "scenarios": {"ambient": 1, "babble": 1}}
    dataset = MixtureDataset(pool, NoisePool(noise, RATE), size=6, seed=0, **law)
    write_test_list(dataset, root / "list.json", per_scenario=3)
    return ["--list", root / "list.json", "--data-root", root / "speech", "--noise-root", root / "noise"]


def test_it_prints_tables_and_writes_the_three_files(data, tmp_path):
    out = tmp_path / "made" / "here"
    done = pse("evaluate", "--model", model(), *data, "--out", out, "--metrics", "si-sdr-improvement,stoi")
    assert done.code == 0, done.err
    assert sorted(p.name for p in out.iterdir()) == FILES
    for said in (
        "right enrolment",
        "oracle mask",
        "SI-SDRi",
        "STOI",
        "ambient",
        "babble",
        "6 items, 3 speakers",
    ):
        assert said in done.out
    assert all(str(out / name) in done.out.replace("\n", "") for name in FILES)
    content = json.loads((out / "results.json").read_text())
    assert len(content["items"]) == 6 * 4 and content["about"]["items"] == 6


def test_rows_and_conditions_can_be_chosen(data, tmp_path):
    given = ["evaluate", "--model", model(), *data, "--out", tmp_path, "--metrics", "si-sdr", "--samples", 0]
    assert pse(*given, "--rows", "mixture, right enrolment", "--conditions", "babble").code == 0
    found = json.loads((tmp_path / "results.json").read_text())["items"]
    assert {(item["system"], item["scenario"]) for item in found} == {
        ("mixture", "babble"),
        ("right enrolment", "babble"),
    }
    said = pse(*given, "--conditions", "bable").err
    assert "the list has no 'bable'; did you mean 'babble'?; it has ambient, babble" in said
    assert "did you mean 'right enrolment'" in pse(*given, "--rows", "rihgt enrolment").err


def test_several_models_share_a_report_and_some_items(data, tmp_path):
    two = ("--model", f"film={model()}", "--model", f"none={model(conditioner='concat')}")
    done = pse(
        "evaluate", *two, *data, "--out", tmp_path, "--metrics", "si-sdr", "--items", 4, "--samples", 0
    )
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "results.json").read_text())
    assert {i["id"] for i in content["items"]} == {
        "ambient-0000",
        "ambient-0001",
        "babble-0000",
        "babble-0001",
    }
    assert list(content["about"]["models"]) == ["film", "none"]
    assert "none: right enrolment" in done.out and "<audio" not in (tmp_path / "report.html").read_text()


def test_every_metric_is_scored_unless_told_otherwise(data, tmp_path):
    done = pse("evaluate", "--model", model(), *data, "--out", tmp_path, "--items", 1, "--samples", 0)
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "results.json").read_text())["metrics"]
    assert list(metrics) == ["si-sdr-improvement", "si-sdr", "sdr", "pesq", "stoi", "estoi"]


EARS = """
from pse_plugins import Component, hookimpl
@hookimpl
def pse_recognisers():
    yield Component("parrot", "pse_fake_parrot:Parrot", "says the same of everything")
class Parrot:
    def __init__(self, says: str = "polly"): self.says = says
    def __call__(self, waveform, rate): return f"{self.says} {round(len(waveform) / rate)}".upper()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A list of four whole utterances of two speakers, one recording of which has no transcript."""
    root = tmp_path_factory.mktemp("whole")
    for k, name in enumerate("ab"):
        (root / "speech" / name).mkdir(parents=True)
        for n in range(2):
            put(root / "speech" / name / f"{n}.wav", talk(2 + n, seed=2 * k + n))
            if (name, n) != ("b", 0):
                (root / "speech" / name / f"{n}.txt").write_text(f"polly says {2 + n}")
    (root / "noise").mkdir()
    put(root / "noise" / "0.wav", talk(4, seed=10))
    manifests = [root / "speech.json", root / "noise.json"]
    roots = ["--data-root", root / "speech", "--noise-root", root / "noise"]
    for kind, manifest in zip(("speakers", "noise"), manifests):
        assert pse("data", kind, manifest.with_suffix(""), "--out", manifest).code == 0
    more = ["--whole", "--per-scenario", 4, "--rate", RATE, "--seed", 1]
    done = pse("data", "test-list", *manifests, *roots, "--out", root / "list.json", *more)
    assert done.code == 0, done.err
    return ["--list", root / "list.json", *roots]


def test_word_error_rates_from_folders_to_the_report(whole, tmp_path, install):
    pytest.importorskip("jiwer", reason='pip install "pse-plugins[wer]"')
    install("pse-fake-parrot", EARS)
    options = ["--metrics", "si-sdr", "--samples", 0, "--recogniser", "parrot"]
    done = pse(
        "evaluate",
        "--model",
        model(),
        *whole,
        "--out",
        tmp_path,
        *options,
        "--recogniser_options",
        "says: a b",
    )
    assert done.code == 0, done.err
    assert "word errors" in done.out and "WER" in done.out and "parrot (pse-fake-parrot 0.1)" in done.out
    words = json.loads((tmp_path / "results.json").read_text())["words"]
    assert words["items_in_list"] == 12 and 0 < words["items_with_transcript"] < 12
    assert f"{12 - words['items_with_transcript']} of 12 items have no transcript" in done.out
    for entry in words["summary"]:  # A B 2 for POLLY SAYS 2
        assert entry["wer"]["mean"] == entry["substitutions"]["mean"] == pytest.approx(200 / 3)
    assert {e["system"] for e in words["summary"]} >= {"clean target", "mixture", "right enrolment"}


def test_a_list_of_segments_has_no_word_error_rates_and_says_why(data, tmp_path, install):
    pytest.importorskip("jiwer", reason='pip install "pse-plugins[wer]"')
    install("pse-fake-parrot", EARS)
    options = ["--metrics", "si-sdr", "--samples", 0, "--items", 2, "--recogniser", "parrot"]
    done = pse("evaluate", "--model", model(), *data, "--out", tmp_path, *options)
    assert done.code == 0, done.err
    assert "2 of 2 items have no transcript" in done.out.replace("\n", " ") and "right enrolment" in done.out


@pytest.mark.parametrize(
    "options, said",
    [
        (["--metrics", "pesk"], "did you mean 'pesq'"),
        (["--metrics", ","], "no metric was named"),
        (["--model", "/nowhere"], "no such bundle"),
        (["--list", "/nowhere.json"], "no such test list"),
        (["--data-root", "/nowhere"], "give the data folder"),
        (["--items", "-1"], "--items"),
        (
            ["--item", "3"],
            "no option --item; did you mean '--items'?; there are: --conditions, --data-root, ",
        ),
        (["--enrolments", "3"], "no enrolment '3'; did you mean '3 clips' or '3 s'?; there are: tilted, "),
        (["--enrolments", "romm"], "did you mean 'room'?"),
        (["--recogniser", "pocketsphynx"], "did you mean 'pocketsphinx'"),
        (["--recogniser", "silero"], "model: PATH"),
        (["--recogniser-options", "a: 1"], "without a recogniser"),
        (["--recogniser-options", "a"], "is not a mapping in YAML"),
        (["--device", "abacus"], "no device 'abacus'"),
        (["--model", "x=/a", "--model", "x=/b"], "two models are called 'x'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(data, tmp_path, options, said):
    usual = ["--model", model(), *data, "--out", tmp_path / "out"]
    if options[0] in ("--model", "--list", "--data-root"):
        at = [usual.index(options[0])]
        usual = [x for i, x in enumerate(usual) if i not in (at[0], at[0] + 1)]
    done = pse("evaluate", *usual, *options)
    assert done.code == 2 and said in done.err and done.err.count("\n") == 1, done.err
    assert not (tmp_path / "out" / "results.json").exists()


def test_an_edited_list_is_refused(data, tmp_path):
    content = json.loads(data[1].read_text())
    content["rate"] = 16000
    (tmp_path / "list.json").write_text(json.dumps(content))
    done = pse("evaluate", "--model", model(), "--list", tmp_path / "list.json", *data[2:], "--out", tmp_path)
    assert done.code == 2 and "was changed since" in done.err


def test_a_file_in_the_way_is_refused_before_the_work(data, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = pse("evaluate", "--model", model(), *data, "--out", tmp_path / "out")
    assert done.code == 2 and "name another one" in done.err
    assert (tmp_path / "out").read_text() == "mine"


def test_items_of_a_list_can_be_heard(data, tmp_path):
    _, path, *roots = data
    done = pse("data", "render", path, *roots, "--item", "babble-0001", "--out", tmp_path)
    assert done.code == 0 and "mixture, target, enrolment-1" in done.out
    heard = {p.stem: soundfile.read(p) for p in (tmp_path / "babble-0001").iterdir()}
    assert heard["mixture"][1] == RATE and heard["enrolment-1"][1] == 16000
    rest = heard["mixture"][0] - heard["target"][0]
    assert rest.size == RATE and np.abs(rest).max() > 0.01
    wrong = pse("data", "render", path, *roots, "--item", "babbel-0001", "--out", tmp_path)
    assert wrong.code == 2 and "has no item 'babbel-0001'; did you mean 'babble-0001'?" in wrong.err
