"""Options of components on the command line."""

from __future__ import annotations

from typing import Any


def mapping(text: str, option: str) -> dict[str, Any]:
    """Read a mapping in YAML.

    Parameters
    ----------
    text : str
        ``"{hidden: 8}"``; braces may be left out.
    option : str
        What the user wrote it behind, for the message.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        If it is no mapping.

    Examples
    --------
    >>> mapping("hidden: 8, layers: 2", "--options")
    {'hidden': 8, 'layers': 2}
    """
    import yaml

    from ..errors import ConfigError

    text = text.strip()
    try:
        found = yaml.safe_load(text if text.startswith("{") else "{" + text + "}")
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or any(f"{key}:" not in text for key in found):  # {heads} would be null
        raise ConfigError(f"{option} {text!r} is not a mapping in YAML; write it as {option} '{{hidden: 8}}'")
    return found
