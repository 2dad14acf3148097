"""``pse new``: write a plugin package that works, for its author to change."""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any

import typer

from .plugins import KIND_WORDS

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "__init__.py": "{package}/__init__.py",
    "{kind}.py": "{package}/{module}.py",
    "test.py": "tests/test_{module}.py",
}
"""Template -> where it goes; tests need no ``__init__.py``."""


def command(
    kind: Annotated[
        str,
        typer.Argument(help=f"One of: {KIND_WORDS}.", show_default=False),
    ],
    name: Annotated[str, typer.Argument(help="Such as my-idea: what YAML will say.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder to put the package's folder in.")] = Path(),
) -> None:
    """Write a whole package, pse-NAME, with one component and its tests; it installs, trains and streams as it is."""
    words = _words(kind, name)
    _check_free(words)
    folder = out / words["distribution"]
    _write(folder, words)
    typer.echo(
        f"wrote {folder}: the {words['words']} is in {words['package']}/{words['module']}.py\n\n"
        f'  cd {folder}\n  pip install -e ".[test]"\n  pse check {name}\n  pytest'
    )


def _words(kind: str, name: str) -> dict[str, Any]:
    """Work out all names.

    Raises
    ------
    ConfigError
        If the name is not kebab-case.
    ComponentError
        If there is no such kind.
    """
    from .. import __version__
    from ..api import KINDS
    from ..errors import ConfigError
    from ..host import as_kind
    from ..plugin_loading import PLACEHOLDER

    kind = as_kind(kind)
    name = name.removeprefix("pse-")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"name {name!r} is not kebab-case: small letters, digits and single hyphens, as my-idea"
        )
    module, words = name.replace("-", "_"), kind.replace("_", " ")
    if iskeyword(module):
        raise ConfigError(f"name {name!r} is a word of Python's own; choose another, as my-{name}")
    major, minor = __version__.split(".")[:2]
    return {
        "kind": kind,
        "words": words,
        "name": name,
        "distribution": f"pse-{name}",
        "package": f"pse_{module}",
        "module": module,
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "hook": KINDS[kind],
        "what": f"The {words} {name}",
        "summary": PLACEHOLDER,
        "version": f"{major}.{minor}",
        "below": f"{major}.{int(minor) + 1}",
    }


def _check_free(words: dict[str, Any]) -> None:
    """Refuse names that would stand in the way of what is installed here.

    Raises
    ------
    ConfigError
        If a component of the kind, the distribution, or a module has the name.
    """
    from importlib.util import find_spec

    from ..errors import ConfigError
    from ..plugin_sources import installed_version
    from .plugins import quiet_host

    name, kind, package = words["name"], words["kind"], words["package"]
    taken = [c.provider for c in quiet_host().components(kind) if c.name == name]
    if taken:
        raise ConfigError(
            f"{taken[0]} offers a {kind} {name!r}: the short name would no longer say which; "
            f"choose another name, as my-{name}"
        )
    if installed_version(words["distribution"]) is not None:
        raise ConfigError(f"{words['distribution']} is installed here; choose another name, as my-{name}")
    if find_spec(package) is not None:
        raise ConfigError(
            f"there is a module {package} here, which the new one would hide; choose another name, as my-{name}"
        )


def _write(folder: Path, words: dict[str, Any]) -> None:
    """Render the templates into a folder that is not there yet.

    Raises
    ------
    ConfigError
        If it is there, or cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ..errors import ConfigError
    from ..resources import TEMPLATES

    if folder.exists():
        raise ConfigError(f"{folder} is there already; choose another name, or another folder with --out")
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        for source, target in _FILES.items():
            text = templates.get_template(f"{source.format(**words)}.jinja").render(words)
            path = folder / target.format(**words)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error}; choose another folder with --out") from error
