"""How Sphinx builds these pages: ``make docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from generate import write_generated

from pse_plugins import __version__

project = "pse-plugins"
author = "The pse-plugins authors"
copyright = f"2026, {author}"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "pse-plugins"
exclude_patterns = ["_build"]
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = False
napoleon_use_rtype = False
suppress_warnings = ["myst.xref_missing"]  # links out of the docs, to recipes and code; a test follows them

write_generated(Path(__file__).parent / "reference")
