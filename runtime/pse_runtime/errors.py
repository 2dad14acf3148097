"""The errors a user can cause: each says what is wrong and what to do, in one line."""

from __future__ import annotations


class PseError(Exception):
    """A user's mistake. The command line prints its text, without a traceback, and exits with 2."""


class ConfigError(PseError):
    """A setting that is unknown, unused, missing or out of range."""


class AudioError(PseError):
    """Audio that cannot be read or used: missing, empty, silent, not finite, too short."""


class BundleError(PseError):
    """A model, profile or checkpoint that is truncated, tampered with, too new, or another model's."""


class DeviceError(PseError):
    """A sound device that is lost or cannot be opened: nobody's mistake on the command line; the exit code is 1."""
