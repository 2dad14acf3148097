"""``python -m pse_plugins.cli``: the same as ``pse``."""

from . import main

main()
