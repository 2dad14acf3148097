"""No hook is called while sound is processed: plugins cost nothing then."""

from pathlib import Path

import numpy as np
import pluggy
import pytest
from tiny_models import PAIRS, tiny_enhancer

from pse_plugins import host as host_module
from pse_plugins.host import Host

ROOT = Path(__file__).parent.parent


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
