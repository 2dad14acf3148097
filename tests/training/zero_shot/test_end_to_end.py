"""All stages on a corpus that is made on the spot: each is done once, nothing stale is used, the bundle streams."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch
from tone_corpus import write_corpus

from pse_plugins.cli import run as pse
from pse_plugins.training.zero_shot.lab import GENERALISTS
from pse_plugins.training.zero_shot.stages import STAGES

RECIPE = """
task: zero-shot-ensemble
seed: 3
data_folder: !PLACEHOLDER
noise_folder: !PLACEHOLDER
output_folder: !PLACEHOLDER
stages: null
sweep: null
k: 2
hidden: 4
expert_options: {layers: 1, hidden: !ref <hidden>}
encoder_options: {layers: 1, hidden: 6}
policy: {first: 4, every: 2}
sample_rate: 8000
frontend_options: {frame: 256, hop: 64}
data: !name:pse_plugins.data.folder_sets
    data_folder: !ref <data_folder>
    noise_folder: !ref <noise_folder>
    save_folder: !ref <output_folder>/data
    held_speakers: 2
    rate: !ref <sample_rate>
    valid_size: 6
    test_size: 6
    seed: !ref <seed>
    law: {segment: 1.0, snr: [-5, 10], scenarios: {ambient: 1}, enrolments: [0, 0]}
tests: null
check_every: 2
opt_class: !name:torch.optim.Adam
    lr: 0.001
verify: {steps: 4, batch_size: 4, lr: 0.01, valid_pairs: 6}
gate: {steps: 4, batch_size: 4, lr: 0.01}
generalist: {steps: 4, batch_size: 2, lr: 0.01}
specialists: {steps: 4, batch_size: 2, lr: 0.01, start: generalist}
finetune: {steps: 4, batch_size: 2, lr: 0.001}
inside: {steps: 4, batch_size: 2, lr: 0.01}
evaluate: {seconds: [0.5]}
threads: 1
noprogressbar: True
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Eight 'speakers' (harmonic tones), noises, and the recipe; all stages have run once."""
    folder = tmp_path_factory.mktemp("zero-shot")
    write_corpus(folder, lambda speaker: 1 + speaker % 2)
    (folder / "ensemble.yaml").write_text(RECIPE)
    assert train(folder) == 0
    return folder


def train(folder, *words, output="runs/3"):
    given = ["--data_folder", folder / "speech", "--noise_folder", folder / "noise"]
    return pse(
        [
            "train",
            str(folder / "ensemble.yaml"),
            *map(str, given),
            "--output_folder",
            str(folder / output),
            *words,
        ]
    )


def times(folder):
    return {
        p: p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.suffix in (".safetensors", ".json")
    }


def test_the_report_compares_all_systems(project):
    text = (project / "runs" / "report" / "results.md").read_text()
    rows = [line.split("|")[4].strip() for line in text.splitlines() if line.startswith("| gru-4")]
    systems = [*GENERALISTS, "naive", "fine-tuned"]
    assert rows == 2 * [*systems, "experts-inside", "experts-inside-unbalanced"]
    assert (
        text.index("## test: ")
        < text.index("## valid: ")
        < text.index("gru-4, by validation: K = 2 (K = 2: ")
    )
    assert {p.name for p in (project / "runs" / "report").iterdir()} >= {
        "sizes.png",
        "voices.png",
        "gate.png",
    }


def test_each_item_says_what_every_specialist_would_have_gained(project):
    lines = (project / "runs/3/scores/gru-4-k2/naive/test.json").read_text().splitlines()
    items = [json.loads(line) for line in lines]
    assert len(items) == 6 and all(len(item["gains"]) == 2 for item in items)
    assert all(
        item["gate"] in (0, 1) and item["enrolled"] in (0, 1) and item["label"] in (0, 1) for item in items
    )
    assert all(np.isfinite(item["stream"]) for item in items)


def test_what_is_done_is_not_done_again(project):
    before = times(project / "runs" / "3")
    assert train(project) == 0
    assert train(project, "--finetune", "{recompute: True}") == 0, "how, not what"
    assert times(project / "runs" / "3") == before


def test_threads_are_those_of_the_recipe(project):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert train(project, "--stages", "[verify]") == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_one_specialist_is_the_generalist_alone(project):
    assert train(project, "--k", "1", "--hidden", "3", "--stages", str([*STAGES, "evaluate"])) == 0
    for folder in ("experts", "scores"):
        assert {p.name for p in (project / f"runs/3/{folder}/gru-3").iterdir()} == set(GENERALISTS)
    assert not list((project / "runs/3").glob("*/*k1"))


def test_specialists_from_nothing_have_no_generalist_that_goes_on_by_their_steps(project):
    own = "{steps: 4, batch_size: 2, lr: 0.01, start: scratch}"
    assert train(project, "--hidden", "7", "--stages", "[specialists]", "--specialists", own) == 0
    assert {p.name for p in (project / "runs/3/experts/gru-7").iterdir()} == {"generalist", "k2"}


def test_another_size_uses_the_same_embedding_and_gate(project):
    before = times(project / "runs" / "3")
    assert train(project, "--hidden", "5", "--stages", "[specialists]") == 0
    after = times(project / "runs" / "3")
    assert {p: t for p, t in after.items() if p in before} == before
    assert (project / "runs/3/experts/gru-5/k2/01/weights.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--verify", "{steps: 4, batch_size: 4, lr: 0.02, valid_pairs: 6}"],
            "runs/3/verify was made with other settings (verify",
        ),
        (["--encoder_options", "{layers: 1, hidden: 7}"], "encoder_options"),
        (["--gate", "{steps: 5, batch_size: 4, lr: 0.01}"], "gates/k2 was made with other settings (gate"),
        (["--k", "9"], "k = 9 specialists for 4 training speakers"),
        (["--k", "3", "--partition", "gender"], "the gender of"),
        (["--partition", "kmeans"], "no partition 'kmeans'"),
        (["--verify", "{step: 6}"], "verify: no setting 'step'; did you mean 'steps'"),
        (["--finetune", "{recomputed: True}"], "finetune: no setting 'recomputed'; did you mean 'recompute'"),
        (["--policy", "{frist: 3}"], "policy: no setting 'frist'; did you mean 'first'"),
        (["--stages", "[verfy]"], "no stage 'verfy'; did you mean 'verify'"),
        (["--k", "0"], "k must be a whole number of at least 1"),
    ],
)
def test_nothing_stale_is_used_and_nothing_overwritten(project, capsys, words, said):
    before = times(project / "runs" / "3" / "verify") | times(project / "runs" / "3" / "gates")
    assert train(project, *words) == 2
    assert said in capsys.readouterr().err
    assert times(project / "runs" / "3" / "verify") | times(project / "runs" / "3" / "gates") == before


def test_a_stage_asks_for_those_before_it(project, capsys):
    assert train(project, "--stages", "[gate]", output="empty") == 2
    assert "is not complete; run the stages before" in capsys.readouterr().err


def test_a_stage_that_another_process_makes_is_left_to_it(project, capsys):
    folder = project / "taken" / "verify"
    folder.mkdir(parents=True)
    (folder / "lock").write_text("1")  # init runs
    assert train(project, "--stages", "[verify]", output="taken") == 2
    assert "is being made by process 1" in capsys.readouterr().err


def test_the_bundle_enhances_and_streams_without_enrolment(project, tmp_path, capsys):
    bundle = project / "runs/3/ensembles/gru-4-k2/bundle"
    source, out = project / "speech" / "s1" / "0.wav", tmp_path / "clean.wav"
    assert pse(["enhance", str(source), "--model", str(bundle), "--out", str(out)]) == 0
    enhanced, rate = soundfile.read(out)
    assert rate == 8000 and len(enhanced) == 24000 and np.isfinite(enhanced).all()
    assert pse(["stream", str(source), "--model", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert float(said.partition("stream vs offline")[2].split()[0]) < 1e-4


def test_a_sweep_makes_each_cell_once_small_ones_first(project):
    grid = "[{hidden: [6, 4], k: [2, 3]}]"
    assert train(project, "--sweep", grid, "--stages", "[cluster, gate, specialists]") == 0
    made = [project / f"runs/3/experts/gru-{h}/k{k}/{k - 1:02d}/done.json" for h in (4, 6) for k in (2, 3)]
    assert all(path.is_file() for path in made)
    stamps = [path.stat().st_mtime_ns for path in made]
    assert stamps == sorted(stamps)
