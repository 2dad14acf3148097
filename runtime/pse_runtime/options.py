"""What a user asks of live enhancement, on whichever command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import AudioError, ConfigError
from .mixing import dry_share
from .pcm import FORMATS, check_rate

_LONGEST = 60.0  # seconds of speech to enrol of


@dataclass(frozen=True)
class LiveOptions:
    """Options of ``pse stream`` and ``pse-stream``.

    Parameters
    ----------
    file : Path or None
        A recording that is streamed instead of live audio.
    enrol : sequence of Path
        Clips and profiles of the speaker to keep.
    rate : int or None
        Of live audio, in Hz.
    block : int or None
        Samples taken at a time; a hop when None.
    out : Path or None
        Where the result goes, of a file or of sound devices.
    save_profile : Path or None
        Where to keep who was enrolled.
    format : str
        Of samples on stdin and stdout, ``"s16"`` or ``"f32"``.
    max_suppression_db : float or None
        The most that is removed.
    dry_wet : float
        0 gives the input, 1 the result.
    profiles : Path or None
        Folder of profiles to choose from.
    profile : sequence of str
        ``NAME=FILE``, profiles to choose from.
    control : Path or None
        FIFO or file that names are read from.
    enrol_live : float or None
        Seconds of speech on the input that make the profile.
    mute_until_enrolled : bool
        Give silence until then.
    input_device, output_device : str or None
        Sound devices, by number or name; one of them is enough to use both, the other being the default.
    meter : bool or None
        Show levels once a second; with devices and a terminal when None.
    """

    file: Path | None = None
    enrol: Sequence[Path] = ()
    rate: int | None = None
    block: int | None = None
    out: Path | None = None
    save_profile: Path | None = None
    format: str = "s16"
    max_suppression_db: float | None = None
    dry_wet: float = 1.0
    profiles: Path | None = None
    profile: Sequence[str] = ()
    control: Path | None = None
    enrol_live: float | None = None
    mute_until_enrolled: bool = False
    input_device: str | None = None
    output_device: str | None = None
    meter: bool | None = None

    @property
    def on_devices(self) -> bool:
        """Whether sound devices are used."""
        return self.input_device is not None or self.output_device is not None

    @property
    def metered(self) -> bool:
        """Whether levels are shown."""
        return self.meter if self.meter is not None else self.on_devices and sys.stderr.isatty()

    @property
    def dry(self) -> float:
        """The input's share of what is heard."""
        return dry_share(self.max_suppression_db, self.dry_wet)

    def check(self) -> None:
        """Refuse what cannot be meant, before a model is loaded.

        Raises
        ------
        ConfigError
            For an option that is out of range or does not go with the others.
        AudioError
            If a file would be replaced by its own result.
        """
        if self.block is not None and self.block < 1:
            raise ConfigError(f"--block must be at least 1, got {self.block}")
        check_rate(self.rate)
        if self.format not in FORMATS:
            raise ConfigError(f"--format is one of {', '.join(FORMATS)}; got {self.format!r}")
        dry_share(self.max_suppression_db, self.dry_wet)
        self._check_who()
        if self.file is not None:
            self._check_file(self.file)
        elif not self.on_devices:
            self._check_pipe()

    def _check_who(self) -> None:
        several = self.profiles is not None or bool(self.profile)
        if several != (self.control is not None):
            raise ConfigError(
                "--profile and --profiles go with --control PATH, which the name of one is written to; "
                "to keep one speaker only, --enrol"
            )
        if self.save_profile is not None and not self.enrol and self.enrol_live is None:
            raise ConfigError("--save-profile keeps who is enrolled: give --enrol or --enrol-live as well")
        if self.enrol_live is None:
            if self.mute_until_enrolled:
                raise ConfigError("--mute-until-enrolled goes with --enrol-live SECONDS")
            return
        if not 1 <= self.enrol_live <= _LONGEST:
            raise ConfigError(
                f"--enrol-live is from 1 to {_LONGEST:g} seconds of speech, got {self.enrol_live:g}"
            )
        if several or self.enrol:
            raise ConfigError("--enrol-live makes the profile of the input; leave the other enrolment out")

    def _check_file(self, file: Path) -> None:
        if self.rate is not None:
            raise ConfigError(f"--rate is for live audio; {file} states its own; leave --rate out")
        if self.out is not None and self.out.resolve() == file.resolve():
            raise AudioError(f"{self.out}: would replace the input; name another --out")
        for given, name in (
            (self.on_devices, "--input-device and --output-device are"),
            (self.control is not None, "--control is"),
            (bool(self.meter), "--meter is"),
            (self.format != "s16", "--format is"),
        ):
            if given:
                raise ConfigError(f"{name} for live audio, not for a FILE; leave one of them out")

    def _check_pipe(self) -> None:
        if self.out is not None:
            raise ConfigError(
                "--out goes with a FILE or a sound device; without, the result is on stdout: "
                "... | pse stream ... > out.pcm"
            )
        if sys.stdin.isatty() or sys.stdout.isatty():
            raise ConfigError(
                "stdin and stdout carry raw PCM: pipe both, or name a FILE to stream; for a sound card, "
                "--input-device default"
            )
