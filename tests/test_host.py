"""Plugins are found, broken ones survived, and components built by name with their options checked."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pluggy
import pytest
from fake_plugins import fake_install, good, put  # noqa: F401 - a fixture among them
from tiny_models import PAIRS, tiny_enhancer

from pse_plugins import Component, build
from pse_plugins import host as host_module
from pse_plugins.api import KINDS
from pse_plugins.errors import ComponentError
from pse_plugins.host import Host, get_host
from pse_plugins.plugin_sources import LeftOut

ROOT = Path(__file__).parent.parent


def names(host, kind="conditioner"):
    return [c.name for c in host.components(kind)]


def said(notices):
    return "\n".join(map(str, notices))


def path_with(folder):
    """Give the environment in which the fake distributions of a folder are installed."""
    path = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "",
    }


def pse(folder, *args, **environment):
    """Run ``pse`` in a process of its own, with the fake distributions of a folder installed."""
    env = {**path_with(folder), **environment}
    command = [sys.executable, "-m", "pse_plugins.cli", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, cwd=folder, check=False)


def test_built_ins_come_through_the_same_door():
    host = Host(discover=False)
    assert {"concat", "add", "multiply", "film", "cross-attention", "sparse-moe"} <= set(names(host))
    assert {"gru", "transformer"} <= set(names(host, "backbone"))
    assert all(host.load(c) for kind in KINDS for c in host.components(kind))
    assert (host.failures, host.remarks) == ([], [])


def test_an_installed_plugin_is_offered_with_its_provider(install):
    install("pse-fake-good", good("wobble", provider="somebody else 9"))
    found = Host().find("conditioner", "wobble")
    assert found.provider == "pse-fake-good 0.1"


OTHER_API = good("ok", api=(2, 0))
BROKEN = {
    "missing module": ("import does_not_exist", "ModuleNotFoundError", "pip install does-not-exist"),
    "syntax": ("def broken(:", "SyntaxError", "pip install -U pse-fake-broken"),
    "error": ("1 / 0", "ZeroDivisionError: division by zero", ""),
    "exit": ("import sys; sys.exit('bye')", "SystemExit: bye", ""),
    "base exception": ("class E(BaseException): pass\nraise E('odd')", "E: odd", ""),
    "unprintable": ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "E: (says nothing)", ""),
    "long-winded": ("raise ValueError('x\\n' * 999)", "x x x...", ""),
    "name": (good("Not Kebab"), "kebab-case", ""),
    "misspelt": (good("ok").replace("pse_cond", "pse_cnd"), "did you mean 'pse_conditioners'", ""),
    "unmarked": (good("ok").replace("@hookimpl", ""), "pse_conditioners is not marked with @hookimpl", ""),
    "no hook": ("x = 1", "it has no hook marked with @hookimpl", ""),
    "argument": (good("ok").replace("oners():", "oners(extra):"), "extra", ""),
    "keyword": (good("ok").replace("oners():", "oners(*, extra):"), "extra", ""),
    "half way": (good("ok") + "    raise RuntimeError('half way')", "RuntimeError: half way", ""),
    "exit half way": (good("ok") + "    raise SystemExit(3)", "SystemExit: 3", ""),
    "wrong record": (good("ok") + "    yield {'a': 1}", "yields Component records, not dict", ""),
    "returned": (good("ok").replace("yield", "return"), "must yield its Component records", ""),
    "number": (good("ok").replace("yield Component", "return 3 #"), "TypeError: 'int' object is not", ""),
    "twice": (good("ok") * 1 + good("ok").splitlines()[-1], "offers one name twice: ok, ok", ""),
    "wrapper": (good("ok").replace("@hookimpl", "@hookimpl(wrapper=True)"), "is a wrapper", ""),
    "newer api": (OTHER_API, "'ok' is written for api (2, 0), this is (1, 0)", "pip install -U pse-plugins"),
    "older api": (good("ok", api=(0, 9)), "api (0, 9), this is (1, 0)", "pip install -U pse-fake-broken"),
    "odd api": (good("ok", api="1.0"), "api '1.0' is not a pair such as (1, 0)", ""),
    "odd summary": (good("ok").replace('"a copy"', "None"), "summary None is not text", ""),
    "odd factory": (good("ok").replace(':Film"', ':"'), "is not 'package.module:Class'", ""),
    "no such api": (
        "from pse_plugins.api import nothing",
        "ImportError",
        "pip install -U pse-plugins pse-fake",
    ),
    "own part": ("import pse_fake_broken.part", "ModuleNotFoundError", "--force-reinstall pse-fake-broken"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_skipped_whole_and_named(install, case):
    body, reason, remedy = BROKEN[case]
    install("pse-fake-broken", body, version="0.3")
    install("pse-fake-good", good("wobble"))
    host = Host()
    assert "wobble" in names(host)
    assert "ok" not in names(host)
    (failure,) = host.failures
    assert (failure.provider, failure.version, failure.entry) == ("pse-fake-broken", "0.3", "main")
    assert reason in failure.reason
    assert len(failure.reason) <= 300 and "\n" not in str(failure)
    assert remedy in failure.remedy
    assert "pip uninstall pse-fake-broken" in failure.remedy
    with pytest.raises(ComponentError, match="skipped plugin pse-fake-broken"):
        host.find("conditioner", "nobody-offers-this")
    assert "pse-fake-broken" not in [name.split(":")[0] for name, _ in host._manager.list_name_plugin()]


@pytest.mark.parametrize("case", ["missing module", "exit", "wrong record"])
def test_strict_raises_one_line_that_names_the_plugin(install, monkeypatch, case):
    install("pse-fake-broken", BROKEN[case][0], version="0.3")
    monkeypatch.setenv("PSE_STRICT", "1")
    with pytest.raises(ComponentError, match=r"^skipped plugin pse-fake-broken 0\.3: .* \(fix: ") as error:
        get_host()
    assert error.value.__cause__ is not None
    monkeypatch.setenv("PSE_STRICT", "0")
    assert len(get_host().failures) == 1


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", good("ok") + "    raise KeyboardInterrupt"])
def test_ctrl_c_while_plugins_load_ends_the_tool(install, body):
    install("pse-fake-slow", body)
    with pytest.raises(KeyboardInterrupt):
        Host()


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (["main = pse_fake_gone"], "its entry point 'main' names no module: there is no 'pse_fake_gone'"),
        (["main = pse_fake_odd.part"], "names no module: there is no 'pse_fake_odd.part'"),
        (["main = pse_fake_odd:Component"], "entry point 'main' must name a module, not type"),
        (["main = pse_fake_odd:nothing"], "AttributeError"),
        (["main = not a module"], "'not a module'"),
        (["no equals sign"], "its entry_points.txt cannot be read"),
    ],
)
def test_an_entry_point_that_names_no_module_is_that_plugins_failure(install, entries, reason):
    install("pse-fake-odd", good("ok"), entries=entries)
    install("pse-fake-good", good("wobble"))
    host = Host()
    assert "wobble" in names(host)
    (failure,) = host.failures
    assert reason in failure.reason
    assert failure.provider == "pse-fake-odd"


def test_other_peoples_damaged_metadata_is_not_our_business(install):
    info = install("pse-fake-odd", "", entries=[])
    (info / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")
    (install("pse-fake-bytes", "", entries=[]) / "entry_points.txt").write_bytes(b"\xff\xfe")
    install("pse-fake-good", good("wobble"), metadata=False)
    host = Host()
    assert host.find("conditioner", "wobble").provider == "pse_fake_good 0.1"
    assert host.failures == []


def test_the_remedy_names_the_dependency_that_the_plugin_declares(install):
    declared = ['PySomething>=2; python_version>"3"', 'other; extra == "x"', "numpy", "Some_Thing"]
    install("pse-fake-a", "import something", requires=declared[:3])
    install("pse-fake-b", "import some_thing", requires=declared)
    install("pse-fake-c", "import something", requires=["not a requirement"])
    remedies = [failure.remedy for failure in Host().failures]
    assert [text.partition(",")[0] for text in remedies] == [
        'pip install "PySomething>=2"',
        "pip install Some_Thing",
        "pip install something",
    ]


def test_a_name_offered_twice_is_an_error_only_when_used_short(install):
    install("pse-fake-a", good("film"))
    install("Pse.Fake_B", good("film"), entries=["main = pse.fake_b"])
    (install.folder / "pse").mkdir()
    (install.folder / "pse" / "fake_b.py").write_text(good("film"))  # the same entry-point name too
    host = Host()
    assert host.failures == []
    with pytest.raises(ComponentError, match=r"3 plugins; name one of: .*pse-fake-a/film .*pse-plugins/film"):
        host.find("conditioner", "film")
    assert host.find("conditioner", "pse-plugins/film").provider.startswith("pse-plugins ")
    for way in ("pse-fake-b/film", "Pse.Fake_B/film", "pse_fake_b/film"):
        assert host.find("conditioner", way).provider == "Pse.Fake_B 0.1"
    assert host.find("conditioner", "concat").name == "concat"
    with pytest.raises(ComponentError, match="no conditioner 'pse-fake-c/film'"):
        host.find("conditioner", "pse-fake-c/film")


def test_one_distribution_cannot_offer_a_name_twice_through_two_entry_points(install):
    (install.folder / "pse_fake_more.py").write_text(good("wobble"))
    install("pse-fake-a", good("wobble"), entries=["one = pse_fake_a", "two = pse_fake_more"])
    host = Host()
    assert names(host).count("wobble") == 1
    (failure,) = host.failures
    assert failure.entry == "two"
    assert "another of its entry points offers a conditioner 'wobble'" in failure.reason


def test_a_distribution_that_lies_on_the_path_twice_counts_once(install, tmp_path, monkeypatch):
    install("pse-fake-a", good("wobble"), version="2.0")
    (tmp_path / "old").mkdir()
    put(tmp_path / "old", "Pse_Fake.A", good("wobble"), version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "old")])
    assert Host().find("conditioner", "wobble").provider == "pse-fake-a 2.0"


def test_a_hook_may_have_a_name_of_its_own(install):
    body = good("wobble").replace("@hookimpl", "@hookimpl(specname='pse_conditioners')")
    install("pse-fake-a", body.replace("def pse_conditioners", "def offer"))
    assert "wobble" in names(Host())


def test_a_newer_minor_api_is_warned_about_and_loaded(install, caplog):
    install("pse-fake-a", good("wobble", api=(1, 7)))
    host = Host()
    assert "wobble" in names(host)
    assert "written for the newer api (1, 7)" in said(host.remarks)
    assert "written for the newer api (1, 7)" in caplog.text
    assert host.failures == []


@pytest.mark.parametrize(
    ("settings", "loaded"),
    [
        ({}, {"one", "two"}),
        ({"PSE_PLUGINS": "pse-fake-b"}, {"two"}),
        ({"PSE_PLUGINS": " Pse_Fake.B , PSE-FAKE-A,"}, {"one", "two"}),
        ({"PSE_PLUGINS": ""}, set()),
        ({"PSE_BLOCK": ""}, {"one", "two"}),
        ({"PSE_BLOCK": "pse_fake_b"}, {"one"}),
        ({"PSE_PLUGINS": "pse-fake-a,pse-fake-b", "PSE_BLOCK": "pse-fake-a"}, {"two"}),
    ],
)
def test_settings_choose_plugins(install, monkeypatch, caplog, settings, loaded):
    install("pse-fake-a", "raise RuntimeError" if "one" not in loaded else good("one"))
    install("Pse-Fake_B", good("two"))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    host = Host()
    assert {"one", "two"} & set(names(host)) == loaded
    assert "film" in names(host)
    assert len(host.remarks) == 2 - len(loaded) and host.failures == []
    assert all(isinstance(remark, LeftOut) for remark in host.remarks)
    assert caplog.text == ""  # the user knows: only a name that cannot be found says it
    if len(loaded) == 1:
        with pytest.raises(
            ComponentError, match=f"left out by PSE_PLUGINS or PSE_BLOCK: {host.remarks[0].provider}$"
        ):
            host.find("conditioner", "three")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            "PSE_PLUGINS",
            "pse-fake-gud",
            "no installed plugin is called 'pse-fake-gud'; did you mean 'pse-fake-good'",
        ),
        (
            "PSE_BLOCK",
            "pse-fake-gud,",
            "no installed plugin is called 'pse-fake-gud'; did you mean 'pse-fake-good'",
        ),
        ("PSE_BLOCK", "pse-plugins", "built-in components cannot be left out"),
    ],
)
def test_unknown_names_in_the_settings_are_warned_about(install, monkeypatch, caplog, variable, value, words):
    install("pse-fake-good", good("wobble"))
    monkeypatch.setenv(variable, value)
    remarks = Host().remarks
    assert f"mind {variable}: " in said(remarks) and words in said(remarks)
    assert words in caplog.text


def test_the_built_ins_may_be_named_among_those_to_load(monkeypatch):
    monkeypatch.setenv("PSE_PLUGINS", "pse-plugins")
    assert not [r for r in Host().remarks if not isinstance(r, LeftOut)]


def test_a_plugin_that_is_slow_to_load_is_reported_with_its_seconds(install, caplog):
    install("pse-fake-slow", "import time; time.sleep(0.6)" + good("wobble"))
    install("pse-fake-good", good("quick"))
    (remark,) = Host().remarks
    assert remark.provider == "pse-fake-slow"
    assert float(remark.reason.split(" s ")[0].split()[-1]) >= 0.6
    assert caplog.text == ""  # not at every command: `pse plugins` and `pse doctor` say it


def test_a_plugin_that_imports_torch_to_be_listed_is_reported(install):
    (install.folder / "torch.py").write_text("")  # as quick as torch is not
    install("pse-fake-heavy", "import torch" + good("wobble"))
    install("pse-fake-good", good("quick"))
    done = pse(install.folder, "plugins", "--json")
    listing = json.loads(done.stdout)
    assert {"wobble", "quick"} <= {c["name"] for c in listing["components"]}
    (remark,) = listing["remarks"]
    assert remark["provider"] == "pse-fake-heavy"
    assert "imports torch when it is only listed" in remark["reason"]
    assert 'factory="module:Class"' in remark["remedy"]
    assert done.stderr == ""


@pytest.mark.slow
def test_the_doctor_remarks_on_it_too(install):
    install("pse-fake-heavy", "import torch" + good("wobble"))
    assert "--  plugin pse-fake-heavy" in pse(install.folder, "doctor").stdout


NOISY = "import os, sys; print('hello'); os.system('echo child'); sys.__stdout__.write('raw')"


def test_what_a_plugin_prints_goes_to_stderr(install):
    install(
        "pse-fake-loud", NOISY + good("wobble", factory="pse_fake_late:X").replace('"pse_plugins.con', '#"')
    )
    install("pse-fake-loud2", NOISY + good("wobble").replace("    yield", "    print('hook')\n    yield"))
    done = pse(install.folder, "plugins", "--json", "--kind", "conditioner")
    assert "wobble" in {c["name"] for c in json.loads(done.stdout)["components"]}
    assert all(word in done.stderr for word in ("hello", "child", "raw", "hook"))


def test_what_a_plugin_prints_goes_to_stderr_where_stdout_is_python_s_own(install, capsys):
    install("pse-fake-loud", "print('hello')" + good("wobble"))
    Host()
    said_there = capsys.readouterr()
    assert said_there.out == "" and "hello" in said_there.err


def test_what_a_component_prints_when_it_is_imported_goes_to_stderr(install):
    (install.folder / "pse_fake_part.py").write_text(NOISY + "\nX = dict\n")
    install("pse-fake-loud", good("wobble").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:X"))
    code = (
        "import os; from pse_plugins import build\nprint('before', flush=True)\n"
        "print(build('conditioner', 'wobble'), flush=True)\nos.system('echo after')"
    )
    env = path_with(install.folder)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["before", "{}", "after"]
    assert all(word in done.stderr for word in ("hello", "child", "raw"))


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_plugins_load_where_stdout_or_stderr_is_closed(install, closed):
    install("pse-fake-loud", "print('hello')" + good("wobble"))
    code = "from pse_plugins.host import get_host as h; import os; os._exit(h().find('conditioner', 'wobble') is None)"
    env = path_with(install.folder)
    assert subprocess.run(f'"{sys.executable}" -c "{code}" {closed}', env=env, shell=True).returncode == 0


def test_the_listing_ends_with_remarks_and_failures(install):
    install("pse-fake-a", "import does_not_exist")
    install("pse-fake-b", good("wobble", api=(1, 9)))
    install("pse-fake-c", good("blocked"))
    done = pse(install.folder, "plugins", PSE_BLOCK="pse-fake-c,pse-fake-gone")
    lines = done.stdout.splitlines()[-4:]
    assert [line.partition(":")[0] for line in lines] == [
        "left out plugin pse-fake-c 0.1",
        "mind PSE_BLOCK",
        "mind pse-fake-b 0.1",
        "skipped plugin pse-fake-a 0.1",
    ]
    assert done.stderr == ""  # said once
    listing = json.loads(pse(install.folder, "plugins", "--json").stdout)
    assert [f["provider"] for f in listing["failures"]] == ["pse-fake-a"]
    assert [r["provider"] for r in listing["remarks"]] == ["pse-fake-b"]


def test_the_settings_are_in_the_help():
    text = pse(ROOT, "plugins", "--help").stdout
    assert all(word in text for word in ("PSE_PLUGINS=a,b", "PSE_BLOCK=a,b", "PSE_STRICT=1"))


def test_a_factory_without_a_name_can_be_listed(install):
    install(
        "pse-fake-a",
        "import functools"
        + good("wobble").replace('"pse_plugins.conditioners.film:Film"', "functools.partial(dict, a=1)"),
    )
    done = pse(install.folder, "plugins", "--all", "--json")
    code = {c["name"]: c["factory"] for c in json.loads(done.stdout)["components"]}["wobble"]
    assert "partial" in code


def test_a_broken_plugin_is_logged_once_a_host(install, caplog):
    install("pse-fake-a", "import does_not_exist")
    with caplog.at_level(logging.WARNING):
        get_host(), get_host()
    assert caplog.text.count("skipped plugin pse-fake-a") == 1


def test_a_factory_that_cannot_be_imported_says_who_and_what_to_install(install):
    install("pse-fake-late", good("late").replace("pse_plugins.conditioners.film:Film", "nowhere:X"))
    host = Host()
    with pytest.raises(ComponentError, match=r"'late' of pse-fake-late 0\.1 cannot be .*pip install nowhere"):
        host.load(host.find("conditioner", "late"))


def test_a_factory_whose_module_exits_does_not_end_the_tool(install):
    (install.folder / "pse_fake_part.py").write_text("raise SystemExit(0)")
    install("pse-fake-late", good("late").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:X"))
    host = Host()
    with pytest.raises(ComponentError, match="SystemExit: 0"):
        host.load(host.find("conditioner", "late"))


def test_a_built_in_room_loads_unchanged_as_a_third_party_package(install, tmp_path):
    room = get_host().load(get_host().find("conditioner", "film")).__module__.rsplit(".", 1)[0]
    source = sys.modules[room].__file__
    body = (
        Path(source).read_text().replace("from ..api", "from pse_plugins.api").replace("__name__", "__name__")
    )
    install("pse-fake-room", body)
    assert "pse-fake-room 0.1" in {c.provider for c in Host().components("conditioner")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dim": 4, "cue_dim": 4, "expert": 2}, "did you mean 'experts'.*takes"),
        ({"dim": 4}, "cue_dim"),
    ],
)
def test_options_are_checked_before_building(options, words):
    with pytest.raises(ComponentError, match=words):
        build("conditioner", "sparse-moe", **options)


def test_unknown_names_show_the_nearest():
    with pytest.raises(ComponentError, match="did you mean 'film'"):
        build("conditioner", "flim", dim=1, cue_dim=1)
    with pytest.raises(ComponentError, match="did you mean 'conditioner'"):
        build("conditoner", "film")


def test_keywords_work_as_yaml_writes_them():
    assert type(build(kind="conditioner", name="add", dim=3, cue_dim=2)).__name__ == "Add"


def test_records_check_themselves():
    with pytest.raises(ValueError, match="module"):
        Component("film", "no_colon")


def test_listing_imports_no_torch():
    code = (
        "import sys; from pse_plugins.host import get_host; from pse_plugins.api import KINDS\n"
        "print(sum(len(get_host().components(k)) for k in KINDS) > 8, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.fixture
def no_hooks(monkeypatch):
    """Make every use of the host an error; call it once all is built."""

    def refuse(*args, **options):
        raise AssertionError("the host was used while sound was processed")

    def arm():
        for name in ("__init__", "components", "find", "load", "why_absent"):
            monkeypatch.setattr(Host, name, refuse)
        for name in ("get_host", "build", "load"):
            monkeypatch.setattr(host_module, name, refuse)
        monkeypatch.setattr(pluggy.PluginManager, "_hookexec", refuse)
        monkeypatch.setattr("importlib.metadata.distributions", refuse)

    return arm


@pytest.mark.parametrize(("conditioner", "backbone"), PAIRS)
def test_no_hook_is_called_while_sound_is_processed(no_hooks, voice, conditioner, backbone):
    enhancer = tiny_enhancer(conditioner, backbone)
    no_hooks()
    clip, mixture = voice(seconds=2.0), voice(seed=1, seconds=0.3)
    profile = enhancer.enrol([clip], 16000)
    whole = enhancer.enhance(mixture, 16000, profile)
    stream = enhancer.stream(profile)
    parts = [stream.feed(part) for part in np.array_split(mixture, 7)]
    assert np.concatenate([*parts, stream.flush()]).size >= whole.size


def test_the_guard_sees_a_hook_called_in_forward(no_hooks, voice, monkeypatch):
    enhancer = tiny_enhancer("film", "gru")
    film = next(m for m in enhancer.modules() if type(m).__name__ == "Film")
    monkeypatch.setattr(type(film), "forward", lambda self, *args: host_module.build("conditioner", "film"))
    no_hooks()
    with pytest.raises(AssertionError, match="host was used"):
        enhancer.enhance(voice(seed=1), 16000, [voice()])
