"""Plugins are found, broken ones survived, and components built by name with their options checked."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pse_plugins import Component, build
from pse_plugins.api import KINDS
from pse_plugins.errors import ComponentError
from pse_plugins.host import Host, get_host


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a fake distribution: a module and its metadata on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, body, version="0.1", entry="main"):
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(body))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[pse_plugins]\n{entry} = {module}\n")

    yield add
    for name in [n for n in sys.modules if n.startswith("pse_fake")]:
        del sys.modules[name]


GOOD = """
from pse_plugins import Component, hookimpl
@hookimpl
def pse_conditioners():
    yield Component("{name}", "pse_plugins.conditioners.film:Film", "a copy")
"""


def names(host, kind="conditioner"):
    return [c.name for c in host.components(kind)]


def test_built_ins_come_through_the_same_door():
    host = Host(discover=False)
    assert {"concat", "add", "multiply", "film", "cross-attention", "sparse-moe"} <= set(names(host))
    assert {"gru", "transformer"} <= set(names(host, "backbone"))
    assert all(host.load(c) for kind in KINDS for c in host.components(kind))


def test_an_installed_plugin_is_offered_with_its_provider(install):
    install("pse-fake-good", GOOD.format(name="wobble"))
    found = Host().find("conditioner", "wobble")
    assert found.provider == "pse-fake-good 0.1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import does_not_exist", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        (GOOD.format(name="Not Kebab"), "kebab-case"),
        (
            GOOD.format(name="ok").replace("pse_conditioners", "pse_condtioners"),
            "did you mean 'pse_conditioners'",
        ),
        (GOOD.format(name="ok") + "    raise RuntimeError('half way')", "half way"),
        (GOOD.format(name="ok") + "    yield {'a': 1}", "Component records"),
        (GOOD.format(name="ok").replace('"a copy"', '"a copy", api=(2, 0)'), "api (2, 0)"),
    ],
)
def test_a_broken_plugin_is_skipped_whole_and_named(install, monkeypatch, body, reason):
    install("pse-fake-broken", body, version="0.3")
    install("pse-fake-good", GOOD.format(name="wobble"))
    host = Host()
    assert "wobble" in names(host)
    assert "ok" not in names(host)
    (failure,) = host.failures
    assert (failure.provider, failure.version) == ("pse-fake-broken", "0.3")
    assert reason in failure.reason
    assert "pip uninstall pse-fake-broken" in failure.remedy
    with pytest.raises(ComponentError, match="skipped plugin pse-fake-broken"):
        host.find("conditioner", "nobody-offers-this")
    with pytest.raises(Exception, match=r".+"):
        Host(strict=True)


def test_a_name_offered_twice_is_an_error_only_when_used_short(install):
    install("pse-fake-a", GOOD.format(name="film"))
    install("pse-fake-b", GOOD.format(name="film"))  # the same entry-point name too
    host = Host()
    with pytest.raises(ComponentError, match="pse-fake-a/film"):
        host.find("conditioner", "film")
    assert host.find("conditioner", "pse-fake-b/film").provider == "pse-fake-b 0.1"
    assert host.find("conditioner", "concat").name == "concat"


def test_pse_plugins_restricts_and_blocks(install, monkeypatch):
    install("pse-fake-a", GOOD.format(name="one"))
    install("pse-fake-b", GOOD.format(name="two"))
    monkeypatch.setenv("PSE_PLUGINS", "pse-fake-b")
    assert {"one", "two"} & set(names(Host())) == {"two"}
    monkeypatch.setenv("PSE_PLUGINS", "")
    assert not {"one", "two"} & set(names(Host()))


def test_a_factory_that_cannot_be_imported_says_who(install):
    install(
        "pse-fake-late", GOOD.format(name="late").replace("pse_plugins.conditioners.film:Film", "nowhere:X")
    )
    host = Host()
    with pytest.raises(ComponentError, match=r"'late' of pse-fake-late 0\.1 cannot be imported"):
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
