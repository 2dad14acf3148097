"""``pse new``: what it writes works as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_plugins import good

from pse_plugins import __version__, cli
from pse_plugins.api import KINDS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """One package of each kind."""
    folder = tmp_path_factory.mktemp("packages")
    for kind in KINDS:
        assert (
            cli.run(["new", kind.replace("_", "-"), f"my-{kind.replace('_', '-')}", "--out", str(folder)])
            == 0
        )
    return folder


def pretend_installed(package, site):
    """Write the metadata that pip would write, so that the package is found without an installation."""
    name, module = package.name.removeprefix("pse-"), package.name.replace("-", "_")
    assert (
        f'[project.entry-points.pse_plugins]\n{name} = "{module}"' in (package / "pyproject.toml").read_text()
    )
    metadata = site / f"{module}-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(f"[pse_plugins]\n{name} = {module}\n")


def test_the_tests_of_every_kind_pass_as_written(packages, tmp_path):
    folders = sorted(packages.iterdir())
    assert len(folders) == len(KINDS)
    for folder in folders:
        pretend_installed(folder, tmp_path)
    paths = [*map(str, folders), str(tmp_path), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    tests = [str(folder / "tests") for folder in folders]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(packages),
        *tests,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=packages, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    listed = subprocess.run(
        [sys.executable, "-m", "pse_plugins.cli", "plugins"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    for kind in KINDS:
        assert f"my-{kind.replace('_', '-')}" in listed.stdout


def test_what_is_written_names_itself_everywhere(packages):
    folder = packages / "pse-my-speaker-encoder"
    files = [
        path for path in folder.rglob("*.*") if path.suffix != ".pyc"
    ]  # a test before this one imported it
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in files}
    assert set(texts) == {
        "pyproject.toml",
        "README.md",
        "pse_my_speaker_encoder/__init__.py",
        "pse_my_speaker_encoder/my_speaker_encoder.py",
        "tests/test_my_speaker_encoder.py",
    }
    assert "def pse_speaker_encoders" in texts["pse_my_speaker_encoder/__init__.py"]
    assert "class MySpeakerEncoder(SpeakerEncoder)" in texts["pse_my_speaker_encoder/my_speaker_encoder.py"]
    assert "--speaker_encoder my-speaker-encoder" in texts["README.md"]
    assert not any("{{" in text or "{%" in text for text in texts.values())


def test_what_is_written_is_formatted(packages):
    pytest.importorskip("ruff", reason='pip install "pse-plugins[dev]"')
    numpy = [
        "--select",
        "E,F,I,D,UP",
        "--ignore",
        "D105,D107",
        "--config",
        'lint.pydocstyle.convention="numpy"',
    ]
    for words in (["format", "--check"], ["check", *numpy]):
        command = [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "110", "."]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=packages)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["conditoner", "my-idea"], "did you mean 'conditioner'"),
        (["conditioner", "My Idea"], "kebab-case"),
        (["conditioner", "class"], "word of Python's own"),
        (["conditioner", "taken"], "is there already"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(words, said, tmp_path, capsys):
    (tmp_path / "pse-taken").mkdir()
    assert cli.run(["new", *words, "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["pse-taken"]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("conditioner", "plugins", "pse-plugins is installed here; choose another name, as my-plugins"),
        ("conditioner", "film", f"pse-plugins {__version__} offers a conditioner 'film'"),
        ("conditioner", "gain", "pse-fake-gain 0.1 offers a conditioner 'gain'"),
        ("loss", "fake-gain", "pse-fake-gain is installed here"),
        ("loss", "fake-loose", "there is a module pse_fake_loose here"),
    ],
)
def test_a_name_that_is_taken_is_refused(install, kind, name, said, tmp_path, capsys):
    install("pse-fake-gain", good("gain"))
    (install.folder / "pse_fake_loose.py").write_text("")
    assert cli.run(["new", kind, name, "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert said in err and "another name" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_kind_is_spelt_in_one_way_in_errors(capsys):
    assert cli.run(["new", "speaker-encoder", "d-vector"]) == 2
    assert "offers a speaker_encoder 'd-vector'" in capsys.readouterr().err


def test_a_summary_that_nobody_has_written_is_remarked_on(packages, tmp_path):
    pretend_installed(packages / "pse-my-loss", tmp_path)
    paths = os.pathsep.join(map(str, (packages / "pse-my-loss", tmp_path, ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "pse_plugins.cli", "plugins"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        timeout=60,
    )
    said = "remark on pse-my-loss 0.1.0: the summary of my-loss is still 'say in one line what it does' (fix: say it"
    assert said in done.stdout.splitlines()[-1]


def test_a_name_of_another_kind_is_free(tmp_path):
    assert cli.run(["new", "loss", "film", "--out", str(tmp_path)]) == 0
