"""Make a bundle to ship of a run's: the same model, half the size.

python -m pse_plugins.training.ship RUN/bundle models/default
"""

from __future__ import annotations

import sys
from pathlib import Path

from .. import bundle


def ship(source: str | Path, target: str | Path) -> Path:
    """Write a bundle anew with float16 weights, and what it says of itself.

    Parameters
    ----------
    source, target : str or Path
        Folders of bundles.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    BundleError
        If the source is no bundle, or the target cannot be written.
    """
    record = bundle.describe(source).get("record", {})
    return bundle.save(bundle.load(source), target, half=True, **record)


if __name__ == "__main__":
    ship(*sys.argv[1:])
