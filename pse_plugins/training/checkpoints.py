"""Checkpoints that appear whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer
from speechbrain.utils.distributed import ddp_barrier, if_main_process

from ..errors import BundleError

logger = logging.getLogger(__name__)

_HALF = "half-"


class AtomicCheckpointer(Checkpointer):
    """SpeechBrain's checkpointer, safe against being interrupted.

    A checkpoint is written to a folder of another name, flushed to disk, and renamed; one that cannot be read is
    passed over for the one before. What it was made with (`identity`) goes into its metadata, and a checkpoint of
    another configuration is refused.

    Parameters
    ----------
    folder : str or Path
        Where checkpoints are kept.
    recoverables : dict
        Name -> object.
    identity : dict
        What must be the same for a checkpoint to be continued.
    """

    def __init__(
        self,
        folder: str | Path,
        recoverables: dict[str, Any] | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(folder)
        self.identity = dict(identity or {})
        for name, thing in (recoverables or {}).items():
            self.add_recoverable(name, thing)

    def save_checkpoint(
        self,
        meta: dict[str, Any] | None = None,
        end_of_epoch: bool = True,
        name: str | None = None,
        verbosity: int = 20,
    ) -> Checkpoint | None:
        """Save all recoverables.

        Raises
        ------
        BundleError
            If the disk is full or not writable; checkpoints saved before are untouched.
        """
        final: Path = (
            self._new_checkpoint_dirpath() if name is None else self._custom_checkpoint_dirpath(name)
        )
        half = final.with_name(_HALF + final.name)
        self.__dict__["_new_checkpoint_dirpath"] = self.__dict__["_custom_checkpoint_dirpath"] = lambda *_: (
            half
        )
        try:
            saved = super().save_checkpoint({**self.identity, **(meta or {})}, end_of_epoch, name, verbosity)
            ddp_barrier()
            if if_main_process():
                _flush(half)
                os.replace(half, final)
            ddp_barrier()
        except (OSError, RuntimeError) as error:
            if not isinstance(error, OSError) and "write" not in str(error):  # torch reports a full disk so
                raise
            shutil.rmtree(half, ignore_errors=True)
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise BundleError(
                f"{final}: the checkpoint cannot be saved ({reason}); free some disk space and start again: "
                f"training goes on from the checkpoint before"
            ) from error
        finally:
            del self.__dict__["_new_checkpoint_dirpath"], self.__dict__["_custom_checkpoint_dirpath"]
        if saved is None:
            return None
        moved = {key: final / Path(path).name for key, path in saved.paramfiles.items()}
        return Checkpoint(final, saved.meta, moved)

    def recover_if_possible(self, *args: Any, **kwargs: Any) -> Checkpoint | None:
        """Load the best checkpoint that can be read, setting aside those that cannot.

        Raises
        ------
        BundleError
            If the newest readable one was made with another configuration.
        """
        while (
            chosen := self.find_checkpoint(*args, **{k: v for k, v in kwargs.items() if k != "device"})
        ) is not None:
            self._check_identity(chosen)
            try:
                self.load_checkpoint(chosen)
                return chosen
            except Exception as error:
                logger.warning(
                    "checkpoint %s cannot be read (%s); trying the one before", chosen.path.name, error
                )
                ddp_barrier()
                if if_main_process():
                    os.replace(chosen.path, chosen.path.with_name("broken-" + chosen.path.name))
                ddp_barrier()
        return None

    def _check_identity(self, checkpoint: Checkpoint) -> None:
        for key, value in self.identity.items():
            found = checkpoint.meta.get(key, value)
            if key.startswith("same_") and found != value:
                raise BundleError(
                    f"{checkpoint.path.parent}: holds checkpoints of another {key.removeprefix('same_')} "
                    f"({found}, now {value}); give another --output_folder, or remove that folder to start anew"
                )


def load_best(
    folder: str | Path, modules: Mapping[str, Any], judged_by: str = "si_sdr_improvement"
) -> dict[str, Any]:
    """Load the checkpoint with the best validation score into modules and other recoverables, by name.

    Returns
    -------
    dict
        The checkpoint's metadata.

    Raises
    ------
    BundleError
        If there is none.
    """
    checkpointer = AtomicCheckpointer(folder, dict(modules))
    checkpointer.allow_partial_load = True
    found = checkpointer.recover_if_possible(max_key=judged_by)
    if found is None:
        raise BundleError(f"{folder}: holds no checkpoint of a finished epoch; train first")
    return dict(found.meta)


def _flush(folder: Path) -> None:
    """Make sure that a folder's files are on the disk."""
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
