"""Let SpeechBrain import beside a torchaudio whose extension cannot load.

SpeechBrain imports torchaudio, whose registry build is linked to one CUDA version and fails to import beside
a CPU torch, or beside a torch for another CUDA. All that SpeechBrain needs of it is plain Python. So the first
``import torchaudio`` is watched: if it fails, it is repeated with the extension declared unavailable, a state
that torchaudio supports by itself. Nothing is imported until somebody asks for torchaudio.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_EXTENSION = "torchaudio._extension"
_state = "not imported"


def state() -> str:
    """Tell how torchaudio was imported.

    Returns
    -------
    str
        ``"native"``, ``"stub"`` (without its extension), ``"absent"`` or ``"not imported"``.
    """
    if _state == "not imported" and "torchaudio" in sys.modules:
        return "native"
    if _state == "not imported" and importlib.util.find_spec("torchaudio") is None:
        return "absent"
    return _state


def install() -> None:
    """Watch for the first ``import torchaudio``; safe to call again."""
    if "torchaudio" not in sys.modules and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _stub() -> ModuleType:
    """Make the module that torchaudio sees in place of its compiled extension."""

    def fail_if_no_align(func: object) -> object:
        def unavailable(*args: object, **kwargs: object) -> None:
            raise RuntimeError(
                "torchaudio's forced alignment needs its compiled extension, which cannot load here"
            )

        return unavailable

    stub = ModuleType(_EXTENSION)
    stub.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _load_lib=lambda _: False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
    )
    return stub


class _Loader(Loader):
    """Runs torchaudio, and a second time without its extension if the first one fails."""

    def __init__(self, real: Loader) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        global _state  # noqa: PLW0603 - one per process, like sys.modules
        try:
            self.real.exec_module(module)
            _state = "native"
        except (OSError, ImportError, RuntimeError) as error:
            for name in [n for n in sys.modules if n.startswith("torchaudio.")]:
                del sys.modules[name]
            sys.modules[_EXTENSION] = _stub()
            self.real.exec_module(module)
            _state = "stub"
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(f"torchaudio runs without its extension ({reason})", ImportWarning, stacklevel=2)


class _Finder(MetaPathFinder):
    """Finds torchaudio as anybody would, and hands it over with `_Loader` around its loader."""

    def __init__(self) -> None:
        self.busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torchaudio" or self.busy:
            return None
        self.busy = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec
