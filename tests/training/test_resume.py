"""A run that is killed and started again ends where an undisturbed one does, bit by bit; so do two ranks."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file

from pse_plugins.bundle import describe
from pse_plugins.errors import ConfigError
from pse_plugins.training.config import load_recipe
from pse_plugins.training.record import check_same_settings
from pse_plugins.training.run import USED

RECIPE = """
seed: 7
__set_seed: !apply:speechbrain.utils.seed_everything [!ref <seed>]
data_folder: !PLACEHOLDER
noise_folder: !PLACEHOLDER
output_folder: !PLACEHOLDER
speaker_encoder: d-vector
speaker_encoder_options: {weights: !ref <weights>, hidden: 8, layers: 1}
weights: !PLACEHOLDER
conditioner: cross-attention
conditioner_options: {heads: 2}
backbone: transformer
backbone_options: {encoder_layers: 0, decoder_layers: 1, heads: 2, head_dim: 4, feed_forward: 16, look_back: 5}
sample_rate: 8000
frontend_options: {frame: 128, hop: 64, compression: 0.3}
data: !name:pse_plugins.data.folder_sets
    data_folder: !ref <data_folder>
    noise_folder: !ref <noise_folder>
    save_folder: !ref <output_folder>/data
    held_speakers: 2
    rate: !ref <sample_rate>
    enrolment_rate: 16000
    epoch_size: 24
    valid_size: 6
    test_size: 6
    seed: !ref <seed>
    law: {segment: 1.0, enrolment_seconds: 1.0, level_db: [-30, -20]}
standardise: 4
lr: 0.01
opt_class: !name:torch.optim.Adam
    lr: !ref <lr>
schedule: {shape: cosine, warmup: 0.1}
number_of_epochs: 2
batch_size: 2
ckpt_interval_steps: 3
average: 0.9
max_grad_norm: 1.0
grad_accumulation_factor: 1
evaluate: null
threads: 1
noprogressbar: True
"""

MAIN = "import sys; from pse_plugins.cli import run; sys.exit(run(['train', *sys.argv[1:]]))"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A corpus of eight 'speakers' (harmonic tones), noises, encoder weights and a recipe."""
    folder, rng = tmp_path_factory.mktemp("project"), np.random.default_rng(0)
    for s in range(8):
        for u in range(2):
            t = np.arange(2 * 8000) / 8000
            x = sum(np.sin(2 * np.pi * (90 + 23 * s) * k * t) / k for k in range(1, 8)) * (
                1 + np.sin(2 * np.pi * 3 * t)
            )
            path = folder / "speech" / f"s{s}" / f"{u}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.05 * x + 1e-4 * rng.standard_normal(len(t)), 8000)
    (folder / "noise").mkdir()
    for n in range(10):
        soundfile.write(folder / "noise" / f"{n}.wav", 0.1 * rng.standard_normal(12000), 8000)
    make = """
        import sys, torch
        from pse_plugins import build
        torch.manual_seed(0)
        torch.save(build("speaker_encoder", "d-vector", weights=None, hidden=8, layers=1).state_dict(), sys.argv[1])
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(make), str(folder / "d.pt")], check=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def command(project, output, *more):
    settings = {"data_folder": "speech", "noise_folder": "noise", "weights": "d.pt"}
    words = [w for k, v in settings.items() for w in (f"--{k}", str(project / v))]
    return [str(project / "recipe.yaml"), *words, "--output_folder", str(output), "--device", "cpu", *more]


def start(project, output, *more, launcher=(sys.executable, "-c", MAIN)):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PSE_DEBUG": "1"}
    return subprocess.Popen(
        [*launcher, *command(project, output, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(process):
    out = process.communicate(timeout=240)[0]
    assert process.returncode == 0, out[-3000:]
    return out


def weights(output):
    return load_file(output / "bundle" / "model.safetensors")


def newest(output):
    return (
        [p for p in (output / "save").glob("CKPT*") if (p / "CKPT.yaml").is_file()] if output.is_dir() else []
    )


def test_killed_mid_epoch_and_restarted_ends_with_the_same_bits(project):
    whole, broken = project / "whole", project / "broken"
    undisturbed = start(project, whole)
    # small steps and a slow second run: it is killed as soon as a checkpoint within an epoch is there
    victim = start(project, broken)
    deadline = time.monotonic() + 120
    while not newest(broken) and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.01)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert newest(broken), "no checkpoint was written before the kill"
    assert not (broken / "bundle").exists(), "it had ended already: the kill came too late"
    told = finish(undisturbed), finish(start(project, broken))
    assert [f"going on from {folder / 'save'}" in said for folder, said in zip((whole, broken), told)] == [
        False,
        True,
    ]
    for noise in ("Saved an", "Deleted checkpoint", "half-", "Loading a checkpoint", "Going into epoch"):
        assert noise not in "".join(told), "a line of our own tells of each epoch"
    assert "epoch 1: train_loss" in told[0]
    a, b = weights(whole), weights(broken)
    assert a.keys() == b.keys()
    assert all((a[k] == b[k]).all() for k in a)
    assert (a["frontend.deviation"] != 1).all(), "the recipe's `standardise` measured nothing"
    other = start(project, broken, "--lr", "0.02")
    assert "(opt_class.lr: 0.01, now 0.02); give another --output_folder" in other.communicate(timeout=60)[0]
    assert other.returncode == 2
    again = load_recipe(broken / "recipe.yaml", {}, USED)
    assert again["speaker_encoder_options"]["weights"] == str(project / "d.pt"), "it must be whole in itself"
    assert again["opt_class"].keywords["lr"] == 0.01, "a refused run must overwrite nothing"
    record = json.loads((broken / "run.json").read_text())
    assert record["seed"] == 7
    kept = describe(broken / "bundle")["record"]
    assert re.fullmatch("[0-9a-f]{16}", kept["training_hash"])
    assert kept["commit"].removesuffix("+") == record["git"].removesuffix("+")
    assert "pse-plugins" in (broken / "plugins.txt").read_text()


def test_bfloat16_trains_to_weights_of_full_precision(project):
    output = project / "bfloat16"
    said = finish(start(project, output, "--precision", "bf16", "--number_of_epochs", "1"))
    assert "not finite" not in said
    assert all(np.isfinite(value.float().numpy()).all() for value in weights(output).values())
    assert {str(value.dtype) for value in weights(output).values()} == {"torch.float32"}


def test_an_unreadable_checkpoint_is_passed_over(project, tmp_path):
    import torch

    from pse_plugins.training.checkpoints import AtomicCheckpointer

    module = torch.nn.Linear(2, 2)
    checkpointer = AtomicCheckpointer(tmp_path, {"enhancer": module})
    checkpointer.save_checkpoint(meta={"si_sdr_improvement": 1.0}, name="a")
    kept = module.weight.detach().clone()
    with torch.no_grad():
        module.weight.add_(1)
    time.sleep(0.01)
    later = checkpointer.save_checkpoint(meta={"si_sdr_improvement": 2.0}, name="b")
    Path(later.paramfiles["enhancer"]).write_bytes(b"truncated")
    found = checkpointer.recover_if_possible()
    assert found.meta["si_sdr_improvement"] == 1.0
    assert torch.equal(module.weight, kept)
    assert not list(tmp_path.glob("half-*"))


def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(project, tmp_path, monkeypatch):
    import torch

    from pse_plugins.errors import BundleError
    from pse_plugins.training import checkpoints

    checkpointer = checkpoints.AtomicCheckpointer(tmp_path, {"enhancer": torch.nn.Linear(2, 2)})
    checkpointer.save_checkpoint(name="a")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_flush", full)
    with pytest.raises(BundleError, match="No space left on device.*free some disk space"):
        checkpointer.save_checkpoint(name="b")
    assert [p.name for p in tmp_path.iterdir()] == ["CKPT+a"]


def test_a_checkpoint_of_another_model_is_refused(project, tmp_path):
    import torch

    from pse_plugins.errors import BundleError
    from pse_plugins.training.checkpoints import AtomicCheckpointer

    module = torch.nn.Linear(2, 2)
    AtomicCheckpointer(tmp_path, {"enhancer": module}, {"same_model": "film"}).save_checkpoint()
    with pytest.raises(BundleError, match="another model"):
        AtomicCheckpointer(tmp_path, {"enhancer": module}, {"same_model": "concat"}).recover_if_possible()


def test_a_folder_of_another_model_is_refused_by_what_differs_and_left_alone(tmp_path):
    from pse_plugins.assembly import with_defaults
    from pse_plugins.testing import small_enhancer
    from pse_plugins.training.record import check_same_model

    before = small_enhancer(conditioner="film")
    text = json.dumps({"enhancer": with_defaults(before.config)})
    (tmp_path / "run.json").write_text(text)
    check_same_model(small_enhancer(conditioner="concat"), tmp_path)  # no checkpoint yet
    (tmp_path / "save" / "CKPT+a").mkdir(parents=True)
    check_same_model(before, tmp_path)
    with pytest.raises(ConfigError, match=r"\(conditioner: film, now concat\); give another --output_folder"):
        check_same_model(small_enhancer(conditioner="concat"), tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def train_on(folder, before, now):
    """Make a folder as a training leaves it, and ask to go on with it."""
    (folder / "save" / "CKPT+a").mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(before)
    check_same_settings(now, folder)


BEFORE = """
seed: 1
__lr: 0.1
opt_class: !name:torch.optim.Adam
    lr: 0.1
data: !name:pse_plugins.data.folder_sets
    data_folder: a
    save_folder: out/data
    speeds: [1.0]
    test_size: 3
    law: {snr: [0, 5]}
standardise: 4
number_of_epochs: 2
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    lr: 0.1", "    lr: 0.2", "(opt_class.lr: 0.1, now 0.2)"),
        ("optim.Adam", "optim.SGD", "(opt_class: torch.optim.Adam, now torch.optim.SGD)"),
        ("[1.0]", "[1.0, 1.1]", "(data.speeds: [1.0], now [1.0, 1.1])"),
        ("snr: [0, 5]", "segment: 2", "(data.law.snr: [0, 5], now null; data.law.segment: null, now 2)"),
        ("standardise: 4", "standardise: 5\nloss: snr", "(standardise: 4, now 5; loss: null, now snr)"),
    ],
)
def test_a_training_by_other_settings_is_refused_by_what_differs(tmp_path, old, new, said):
    assert BEFORE.count(old) == 1
    with pytest.raises(ConfigError, match=re.escape(said) + "; give another --output_folder, or remove"):
        train_on(tmp_path, BEFORE, BEFORE.replace(old, new))
    assert (tmp_path / "recipe.yaml").read_text() == BEFORE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("__lr: 0.1", "__rate: 0.1"),
        ("number_of_epochs: 2", "number_of_epochs: 3\nmax_minutes: 1\nthreads: 2\nconditioner_options: {}"),
        ("data_folder: a\n    save_folder: out/data", "data_folder: b\n    save_folder: elsewhere/data"),
        ("test_size: 3", "test_size: 4"),
    ],
)
def test_a_training_goes_on_though_it_is_done_in_another_way(tmp_path, old, new):
    assert BEFORE.count(old) == 1
    train_on(tmp_path, BEFORE, BEFORE.replace(old, new))


@pytest.mark.slow
def test_two_ranks_stay_in_sync_and_score_each_item_once(project):
    output = project / "ranks"
    script = project / "train.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, hashlib, torch, pse_plugins
            from pse_plugins.training import run
            def after(enhancer, data, output, settings):
                from pse_plugins.data.lists import fixed_list
                from pse_plugins.evaluation import evaluate
                rank = torch.distributed.get_rank()
                items = fixed_list(data.test, output / f"test{rank}.json")
                scores = evaluate(enhancer, items, metrics=["si-sdr"]).scores
                ids = [s.id for s in scores if s.system == "right enrolment"]
                flat = torch.cat([p.flatten() for p in enhancer.state_dict().values()])
                total = flat.double().sum().item()
                (output / f"rank{rank}").write_text(f"{total!r} {len(ids)} {len(set(ids))} {len(items)}")
            run(sys.argv[1:], after)
            """
        )
    )
    launcher = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        "29541",
        str(script),
    )
    finish(start(project, output, "--distributed_backend", "gloo", launcher=launcher))
    one, two = ((output / f"rank{r}").read_text() for r in (0, 1))
    assert one == two
    _, scored, different, items = one.split()
    assert scored == different == items
