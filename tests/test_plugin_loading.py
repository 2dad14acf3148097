"""A plugin that is broken, slow, noisy or of another API never takes the tool down, and is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_plugins import good, names, path_with, pse, said

from pse_plugins.errors import ComponentError
from pse_plugins.host import Host, get_host

ROOT = Path(__file__).parent.parent


OTHER_API = good("ok", api=(2, 0))
BROKEN = {
    "missing module": ("import does_not_exist", "ModuleNotFoundError", "pip install does-not-exist"),
    "misspelt module": (
        "import torhc",
        "'torhc'",
        "pip install -U pse-fake-broken; torhc may be 'torch', or",
    ),
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
        (
            ["main = pse_fake_odd:nothing"],
            "must name a module: module 'pse_fake_odd' has no attribute 'nothing'",
        ),
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


TWICE = good("ok") + good("ok").splitlines()[-1] + "\n"


def edit(install, body, folder=None, **options):
    """Install a plugin as ``pip install -e`` does: its author is at work."""
    info = install("pse-fake-mine", body, **options)
    url = f"file://{folder or install.folder}"
    (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise ValueError('unfinished')", 1),
        ("x = 1\ndef f(:\n", 2),
        (good("ok").replace("pse_cond", "pse_con"), 3),
        (good("ok").replace("@hookimpl", ""), 4),
        (good("ok") + "    yield Component", 3),
        (TWICE, 3),
        (good("ok").replace("@hookimpl", "@hookimpl(wrapper=True)"), 3),
        (good("ok", api=(0, 9)), 3),
        (good("ok").replace('"a copy"', 'sumary="a copy"'), 5),
        (good("ok").replace("oners():", "oners(extra):"), None),
        ("x = 1", None),
    ],
)
def test_who_writes_a_plugin_is_told_the_line_and_not_to_upgrade(install, body, line):
    edit(install, body)
    (failure,) = Host().failures
    place = install.folder / f"pse_fake_mine.py{f':{line}' if line else ''}"
    assert failure.remedy.startswith(f"mend {place}, or pip uninstall") and "-U" not in failure.remedy


@pytest.mark.parametrize(
    "entry", ["pse_fake_gone", "pse_fake_mine:gone", "pse_fake_mine:Component", "a module"]
)
def test_who_writes_a_wrong_entry_point_is_told_the_file(install, entry):
    edit(install, good("ok"), entries=[f"main = {entry}"])
    (failure,) = Host().failures
    told = f"mend {install.folder}/pyproject.toml and pip install -e {install.folder} again, or pip uninstall"
    assert failure.remedy.startswith(told)


def test_a_project_that_was_moved_is_said_to_be(install, tmp_path):
    edit(install, good("ok"), folder=tmp_path / "moved", entries=["main = pse_fake_gone"])
    (failure,) = Host().failures
    assert failure.remedy.startswith(
        f"{tmp_path}/moved is gone: pip install -e the folder where it is now, or pip uninstall pse-fake-mine"
    )


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("pse_fake_mine:Flim", "pse_fake_mine has no 'Flim'; did you mean 'Film'? (fix: mend "),
        ("pse_fake_mine:number", "pse_fake_mine:number is int, not a class or a function (fix: mend "),
        (
            "pse_fake_mien:Film",
            "there is no module 'pse_fake_mien'; did you mean 'pse_fake_mine'? (fix: mend ",
        ),
    ],
)
def test_who_writes_a_wrong_factory_is_told_its_line(install, factory, said):
    body = "number = 3\nclass Film: pass" + good("ok").replace("pse_plugins.conditioners.film:Film", factory)
    edit(install, body)
    host = Host()
    with pytest.raises(ComponentError) as error:
        host.load(host.find("conditioner", "ok"))
    assert f"{said}{install.folder}/pse_fake_mine.py:6, or pip uninstall" in str(error.value)


@pytest.mark.parametrize("editable", [True, False])
def test_a_misspelt_module_of_a_factory_shows_the_nearest(install, editable):
    package = install.folder / "pse_fake_whole"
    package.mkdir()
    (package / "film.py").write_text("")
    (package / "__init__.py").write_text(
        good("ok").replace("pse_plugins.conditioners.film:", "pse_fake_whole.flim:")
    )
    put_it = edit if editable else (lambda install, *a, **k: install("pse-fake-whole", *a, **k))
    put_it(install, "", entries=["main = pse_fake_whole"])
    host = Host()
    with pytest.raises(ComponentError) as error:
        host.load(host.find("conditioner", "ok"))
    fix = f"mend {package}/__init__.py:5" if editable else "pip install --force-reinstall pse-fake-whole"
    assert f"no module 'pse_fake_whole.flim'; did you mean 'pse_fake_whole.film'? (fix: {fix}" in str(
        error.value
    )


def test_a_module_that_a_component_lacks_is_not_taken_for_a_misspelt_one(install):
    (install.folder / "pse_fake_part.py").write_text("import pse_fake_pert")
    edit(install, good("ok").replace("pse_plugins.conditioners.film:Film", "pse_fake_part:X"))
    host = Host()
    with pytest.raises(ComponentError) as error:
        host.load(host.find("conditioner", "ok"))
    fix = f"(fix: mend {install.folder}/pse_fake_part.py:1, or pip install pse-fake-pert, or pip uninstall"
    assert f"No module named 'pse_fake_pert' {fix}" in str(error.value)


def test_who_imports_a_module_that_is_not_there_is_told_the_line_unless_the_plugin_declares_it(install):
    edit(install, "import pse_fake_torhc")
    (failure,) = Host().failures
    place = f"{install.folder}/pse_fake_mine.py:1"
    assert failure.remedy.startswith(f"mend {place}, or pip install pse-fake-torhc, or pip uninstall")
    (install.folder / "pse_fake_mine.py").write_text("import torhc")
    (failure,) = Host().failures
    assert failure.remedy.startswith(f"mend {place}; torhc may be 'torch', or pip uninstall")
    edit(install, "import pse_fake_torhc", version="0.2", requires=["pse-fake-torhc>1", "numpy"])
    (install.folder / "pse_fake_mine-0.1.dist-info" / "entry_points.txt").unlink()
    (failure,) = Host().failures
    assert failure.remedy.startswith('pip install "pse-fake-torhc>1", or pip uninstall')


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            'sumary="a copy"',
            "Component has no field 'sumary'; did you mean 'summary'?; fields: name, factory",
        ),
        ("about='x'", "Component has no field 'about'; fields: name, factory, summary, api ("),
    ],
)
def test_a_record_with_an_unknown_field_shows_the_fields(install, written, said):
    install("pse-fake", good("ok").replace('"a copy"', written))
    assert said in str(Host().failures[0])


def test_a_hook_that_yields_a_class_shows_how_to_write_it(install):
    install("pse-fake", "class Mine: pass\n" + good("ok") + "    yield Mine")
    assert 'not Mine itself: Component("its-name", "pse_fake:Mine") (fix: ' in str(Host().failures[0])


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


def test_a_newer_minor_api_is_warned_about_and_loaded(install, caplog):
    install("pse-fake-a", good("wobble", api=(1, 7)))
    host = Host()
    assert "wobble" in names(host)
    assert "written for the newer api (1, 7)" in said(host.remarks)
    host.find("conditioner", "wobble")
    assert "written for the newer api (1, 7)" in caplog.text
    assert host.failures == []


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
