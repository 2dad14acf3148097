"""An error is traced to the place in a plugin's code, or the user's own, that it comes from."""

from __future__ import annotations

import sys

import pytest
import torch
from fake_plugins import good, put

import pse_plugins
from pse_plugins import cli
from pse_plugins.blame import describe, place_of, plugin_of
from pse_plugins.contracts import Conditioner, Prepared
from pse_plugins.host import get_host

NET = """import numpy as np
from torch import nn
from pse_plugins.contracts import Conditioner, Prepared
class Mine(Conditioner):
    def __init__(self, dim, cue_dim):
        super().__init__()
        self.layer = nn.Linear(dim + 1, dim)
    def prepare(self, cue):
        return Prepared()
    def forward(self, x, prepared):
        return self.layer(x)  # line 11
    def invert(self):
        return np.linalg.inv(np.zeros((2, 2)))  # line 13
"""


def raised(call):
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.fixture(params=["site-packages", "somewhere"])
def whole(request, tmp_path, monkeypatch):
    """Install a package with one component, as pip does and as ``pip install -e`` does; gives its file."""
    folder = tmp_path / request.param
    (folder / "pse_fake_whole").mkdir(parents=True)
    record = good("mine").replace("pse_plugins.conditioners.film:Film", "pse_fake_whole.net:Mine")
    (folder / "pse_fake_whole" / "__init__.py").write_text(record)
    (folder / "pse_fake_whole" / "net.py").write_text(NET)
    put(folder, "pse-fake-whole", "", entries=["main = pse_fake_whole"])
    monkeypatch.syspath_prepend(str(folder))
    get_host.cache_clear()
    yield folder / "pse_fake_whole" / "net.py"
    get_host.cache_clear()
    for name in [n for n in sys.modules if n.startswith("pse_fake")]:
        del sys.modules[name]


def test_the_innermost_place_is_the_plugins_and_not_a_librarys(whole):
    component = pse_plugins.build("conditioner", "mine", dim=2, cue_dim=2)
    for call, line in (
        (lambda: component(torch.zeros(1, 3, 2), Prepared()), 11),
        (component.invert, 13),  # NumPy stands beside the plugin, or where it would
    ):
        place = place_of(raised(call))
        assert (place.file, place.line) == (str(whole), line)
    assert plugin_of(place) == ("pse-fake-whole 0.1", "mine")


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_command_line_says_where_and_whose_it_is(whole, monkeypatch, capsys, debug):
    def command() -> None:
        """Fail."""
        pse_plugins.build("conditioner", "mine", dim=2, cue_dim=2)(torch.zeros(1, 3, 2), Prepared())

    monkeypatch.setattr("pse_plugins.cli.doctor.command", command)
    monkeypatch.setenv("PSE_DEBUG", debug)
    assert cli.run(["doctor"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    hint = "" if debug else "; PSE_DEBUG=1 shows where"
    assert last.startswith("pse: RuntimeError: mat1 and mat2")
    assert last.endswith(f" ({whole}:11 in forward, of pse-fake-whole 0.1: run `pse check mine`{hint})")


def test_a_plugin_of_two_components_in_a_file_is_checked_by_a_name_to_choose(whole, monkeypatch):
    record = whole.parent / "__init__.py"
    record.write_text(record.read_text() + '    yield Component("other", "pse_fake_whole.net:Mine")\n')
    component = pse_plugins.build("conditioner", "mine", dim=2, cue_dim=2)
    place = place_of(raised(lambda: component(torch.zeros(1, 3, 2), Prepared())))
    assert plugin_of(place) == ("pse-fake-whole 0.1", "")


def test_an_error_of_this_package_alone_has_no_place():
    def command():
        return pse_plugins.build("conditioner", "flim")

    error = raised(command)
    assert place_of(error).file == __file__  # whoever called it
    assert place_of(ValueError("not raised")) is None
    assert place_of(error.with_traceback(error.__traceback__.tb_next.tb_next)) is None


class Unfinished(Conditioner):
    """Lacks what each conditioner has."""


def test_a_method_that_is_missing_is_named_with_its_class():
    unfinished = Unfinished()
    for method, call in (
        ("forward(self, x, prepared)", lambda: unfinished(torch.zeros(1), Prepared())),
        ("prepare(self, cue)", lambda: unfinished.prepare(None)),
    ):
        error = raised(call)
        assert describe(error) == f"Unfinished has no {method.partition('(')[0]}: define {method}"
        assert (place_of(error).file, place_of(error).name) == (__file__, "Unfinished")
        assert plugin_of(place_of(error)) == ("", "")


def test_what_a_plugin_says_itself_is_not_replaced():
    def forward():
        raise NotImplementedError("only for 16 kHz")

    assert describe(raised(forward)) == "NotImplementedError: only for 16 kHz"
    assert describe(NotImplementedError()) == "NotImplementedError"
