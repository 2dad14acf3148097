"""SpeechBrain imports whatever torchaudio's extension does."""

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_no_torch():
    assert (
        run("import pse_plugins, sys; print('torch' in sys.modules, 'torchaudio' in sys.modules)")
        == "False False"
    )


def test_speechbrain_imports_and_resamples():
    code = """
import pse_plugins, speechbrain, torch, torchaudio
from pse_plugins import compat
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
y = torchaudio.transforms.Resample(16000, 8000)(torch.randn(1, 1600))
print(y.shape[1], compat.state() in ('native', 'stub'))
"""
    assert run(code) == "800 True"


FAKE = """
import sys, types, pathlib, tempfile
folder = pathlib.Path(tempfile.mkdtemp()); package = folder / "torchaudio"; package.mkdir()
source = "from . import _extension, functional\\nOK = _extension._IS_TORCHAUDIO_EXT_AVAILABLE"
(package / "__init__.py").write_text(source)
(package / "functional.py").write_text("")
(package / "_extension.py").write_text({body!r})
sys.path.insert(0, str(folder))
import pse_plugins
from pse_plugins import compat
import torchaudio
print(compat.state(), torchaudio.OK)
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("_IS_TORCHAUDIO_EXT_AVAILABLE = True", "native True"),
        ("raise OSError('libtorch_cuda.so: cannot open shared object file')", "stub False"),
        ("raise RuntimeError('CUDA version mismatch')", "stub False"),
        ("raise ImportError('undefined symbol')", "stub False"),
    ],
)
def test_state_of_native_and_broken_extensions(body, expected):
    assert run(FAKE.format(body=body)) == expected


def test_an_error_that_is_torchaudios_own_is_not_hidden():
    code = FAKE.format(body="1 / 0")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" in done.stderr


def test_absent_is_said():
    code = """
import sys
import importlib.abc
class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchaudio": raise ModuleNotFoundError(name)
import pse_plugins
from pse_plugins import compat
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "torchaudio" else real(name, *a)
print(compat.state())
"""
    assert run(code) == "absent"


def test_dataloader_workers_can_import_speechbrain(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        """
import pse_plugins
from torch.utils.data import DataLoader, Dataset
class Items(Dataset):
    def __len__(self): return 2
    def __getitem__(self, i):
        import speechbrain
        return i
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        print(sorted(int(x) for x in DataLoader(Items(), num_workers=1, multiprocessing_context=method)))
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["[0, 1]", "[0, 1]"], done.stderr
