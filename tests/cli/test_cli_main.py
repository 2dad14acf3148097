"""The front door: help, typos, exit codes, and nothing imported that is not used."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from fake_plugins import good
from rig import ROOT, model, pse, put, talk, tiny

from pse_plugins import cli
from pse_plugins.cli import COMMANDS
from pse_plugins.errors import AudioError, BundleError


def python(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_listing_and_help_import_no_torch():
    result = python("""
        import sys
        from pse_plugins import cli
        assert cli.run(["plugins", "--all"]) == 0
        assert cli.run(["plugins", "--json"]) == 0
        assert cli.run(["--help"]) == 0
        for name in cli.COMMANDS:
            assert cli.run([name, "--help"]) == 0, name
        print([m for m in ("torch", "speechbrain", "scipy", "matplotlib") if m in sys.modules])
    """)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "pse_plugins.cli", "plugins", "--kind", "flim"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("pse: no kind 'flim'")
    assert result.stdout == ""


@pytest.mark.parametrize("args", [[], ["--help"]])
def test_help_lists_every_command_with_its_line(args):
    result = pse(*args)
    assert result.code == 0
    for name in COMMANDS:
        assert f" {name} " in result.out
    assert "Keep one speaker of recordings" in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    result = pse(name, "--help")
    assert result.code == 0
    assert "--help" in result.out


def test_version():
    assert pse("--version").out.startswith("pse-plugins ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["enhanc"], "No such command 'enhanc'. Did you mean 'enhance'? (see pse --help)"),
        (["enhance", "a.wav", "--modle", "x", "--out", "b.wav"], "did you mean '--model'?"),
        (["data", "test-list", "--items", "3"], "no option --items; there are: --data-root, --enrolments, "),
        (["data", "test-list", "--items", "3"], "--out, --per-scenario, --rate, "),
        (["enhance", "a.wav"], "--out"),
        (["enhance", "--out", "b.wav"], "inputs"),
        (["stream", "--rate", "fast"], "--rate"),
        (["--nope"], "--nope"),
    ],
)
def test_a_typing_mistake_is_one_line_and_exit_code_2(args, message):
    result = pse(*args)
    assert result.code == 2
    assert message.lower() in result.err.lower()
    assert result.err.count("\n") == 1
    assert "(see pse" in result.err


def replace_command(monkeypatch, error):
    def command() -> None:
        """Fail."""
        raise error

    monkeypatch.setattr("pse_plugins.cli.doctor.command", command)


LINE = replace_command.__code__.co_firstlineno + 3


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (AudioError("a.wav: bad;\nmend it"), 2, "pse: a.wav: bad; mend it\n"),
        (
            ZeroDivisionError("by nothing"),
            1,
            f"pse: ZeroDivisionError: by nothing ({__file__}:{LINE} in command; PSE_DEBUG=1 shows where)\n",
        ),
        (OSError(28, "No space left on device"), 1, "pse: OSError: [Errno 28] No space left"),
        (KeyboardInterrupt(), 130, "pse: interrupted; what was finished is kept\n"),
    ],
)
def test_whatever_happens_is_one_line(monkeypatch, error, code, line):
    replace_command(monkeypatch, error)
    result = pse("doctor")
    assert result.code == code
    assert result.err.startswith(line)
    assert result.err.count("\n") == 1


def test_without_anybodys_code_in_it_an_error_has_no_place(monkeypatch):
    monkeypatch.setattr("pse_plugins.host.get_host", lambda: 1 // 0)
    monkeypatch.setattr("pse_plugins.blame.place_of", lambda error: None)
    assert (
        pse("plugins").err
        == "pse: ZeroDivisionError: integer division or modulo by zero (PSE_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("PSE_DEBUG", "1")
    assert pse("plugins").err.endswith("\npse: ZeroDivisionError: integer division or modulo by zero\n")


def test_debugging_shows_the_traceback(monkeypatch):
    replace_command(monkeypatch, AudioError("bad"))
    monkeypatch.setenv("PSE_DEBUG", "1")
    result = pse("doctor")
    assert result.code == 2
    assert "Traceback" in result.err
    assert result.err.endswith("pse: bad\n")


def test_an_interrupted_command_ends_with_130_and_leaves_no_half_file(tmp_path):
    put(tmp_path / "long.wav", talk(2), format="WAV")
    source = tmp_path / "long.wav"
    code = f"""
        import sys, time
        from pse_plugins.cli import run
        from pse_runtime import files
        feed = files._Lanes.feed
        def slow(self, samples):
            print("going", flush=True)
            time.sleep(30)
            return feed(self, samples)
        files._Lanes.feed = slow
        sys.exit(run(["enhance", {str(source)!r}, "--out", {str(tmp_path / "out.wav")!r},
                      "--enrol", {str(source)!r}, "--model", {model()!r}]))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "going\n"
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "pse: interrupted; what was finished is kept"
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["long.wav"]


def test_plugins_as_json_names_kind_provider_and_code():
    result = pse("plugins", "--json", "--kind", "conditioner")
    listing = json.loads(result.out)
    film = next(c for c in listing["components"] if c["name"] == "film")
    assert film["factory"] == "pse_plugins.conditioners.film:Film"
    assert film["provider"].startswith("pse-plugins")
    assert {c["kind"] for c in listing["components"]} == {"conditioner"}
    assert listing["failures"] == []


def test_plugins_as_a_table_shows_all_kinds_and_code_on_request():
    result = pse("plugins")
    for name in ("film", "gru", "d-vector", "si-sdr"):
        assert name in result.out
    assert "factory" not in result.out
    assert "factory" in pse("plugins", "--all").out


class BrokenHost:
    """A host of one good and one broken plugin."""

    def __init__(self):
        from pse_plugins.api import Component
        from pse_plugins.host import Failure

        self.failures = [Failure("pse-broken", "0.3", "ImportError: no luck", "pip uninstall pse-broken")]
        self.remarks = []
        self.good = Component("moe", "pse_moe:Moe", "experts", provider="pse-moe 0.1")

    def components(self, kind):
        return [self.good] if kind == "conditioner" else []

    def load(self, component):
        return dict


def test_skipped_plugins_come_last_with_their_remedy(monkeypatch):
    monkeypatch.setattr("pse_plugins.host.get_host", BrokenHost)
    result = pse("plugins")
    assert result.code == 0
    last = result.out.splitlines()[-1]
    assert "pse-broken 0.3" in last
    assert "pip uninstall pse-broken" in last
    assert json.loads(pse("plugins", "--json").out)["failures"][0]["provider"] == "pse-broken"


def test_requirements_are_what_pip_takes(monkeypatch):
    monkeypatch.setattr("pse_plugins.host.get_host", BrokenHost)
    assert pse("plugins", "--requirements").out == "pse-moe==0.1\n"


def test_doctor_reports_versions_torchaudio_extras_devices_and_libraries():
    result = pse("doctor")
    assert result.code == 0
    for word in (
        "torch ",
        "speechbrain",
        "torchaudio",
        "cpu",
        "libsndfile",
        "[eval] pesq",
        "components",
        "ready",
    ):
        assert word in result.out


def test_doctor_names_the_remedy_of_what_is_missing_and_broken(monkeypatch):
    monkeypatch.setattr("pse_plugins.host.get_host", BrokenHost)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = pse("doctor")
    assert result.code == 0
    assert 'pip install "pse-plugins[eval]"' in result.out
    assert "!!  plugin pse-broken" in result.out
    assert "pip uninstall pse-broken" in result.out


def test_doctor_fails_when_something_essential_is_broken(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    result = pse("doctor")
    assert result.code == 1
    assert "pip install --force-reinstall soxr" in result.out
    assert "broken: soxr" in result.out


def test_doctor_loads_the_default_model(monkeypatch):
    monkeypatch.setenv("PSE_MODEL", model())
    assert f"ok  default model          {model()}: d-vector, film, gru, 8000 Hz" in pse("doctor").out


def test_doctor_says_what_loading_says_of_a_model_that_needs_a_missing_plugin(install, tmp_path, monkeypatch):
    from pse_plugins import bundle
    from pse_plugins.host import get_host

    install("pse-fake-gain", good("gain"))
    bundle.save(tiny(conditioner="pse-fake-gain/gain"), tmp_path / "m")
    shutil.rmtree(install.folder)
    get_host.cache_clear()
    monkeypatch.setenv("PSE_MODEL", str(tmp_path / "m"))
    with pytest.raises(BundleError) as error:
        bundle.load()
    result = pse("doctor")
    assert f"!!  default model          {error.value}\n" in result.out
    assert "pip install pse-fake-gain==0.1" in result.out and "ready, but for what is marked !!" in result.out


def test_doctor_imports_each_component(install):
    install("pse-fake-late", good("late").replace("film:Film", "film:Flim"))
    result = pse("doctor")
    assert "!!  conditioner late       'late' of pse-fake-late 0.1 cannot be imported: " in result.out
    assert "has no 'Flim'; did you mean 'Film'?" in result.out
    assert "cannot be imported" not in result.out.replace(
        "'late' of pse-fake-late 0.1 cannot be imported", ""
    )
    assert "ready, but for what is marked !!" in result.out and result.code == 0


def test_doctor_marks_a_model_that_is_named_and_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PSE_MODEL", str(tmp_path / "none"))
    assert "!!  default model" in pse("doctor").out


def test_the_table_and_the_modules_agree():
    for name in COMMANDS:
        assert (ROOT / "pse_plugins" / "cli" / f"{name}.py").is_file(), name
    assert (cli.DONE, cli.FAILED, cli.MISTAKE, cli.INTERRUPTED) == (0, 1, 2, 130)
