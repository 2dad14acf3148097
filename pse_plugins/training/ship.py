"""Make a bundle to ship of a run's, or of several of one network: half the size.

python -m pse_plugins.training.ship RUN/bundle models/default
python -m pse_plugins.training.ship FIRST/bundle SECOND/bundle SECOND/bundle models/default
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .. import bundle
from ..errors import ConfigError, PseError
from .start import start_from


def ship(sources: Sequence[str | Path], target: str | Path) -> Path:
    """Write a bundle anew with float16 weights, and what it says of itself.

    Of several, of which one started from another's weights, the mean of the weights is taken (Wortsman et al., "Model
    soups", 2022): most of what the longer training gained on other mixtures is kept, and what it lost comes back. Hop
    and synthesis frame are the last's. A source that is named twice counts twice.

    Parameters
    ----------
    sources : sequence of str or Path
        Folders of bundles; the last says what is written of the licence and the training.
    target : str or Path
        The bundle to write.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    BundleError
        If a source is no bundle, or the target cannot be written.
    ConfigError
        If there is no source, or they are different networks.
    """
    if not sources:
        raise ConfigError("name the bundle to ship, then the folder to write")
    last = bundle.load(sources[-1])
    kept = {name: value.clone() for name, value in last.state_dict().items()}
    for source in sources[:-1]:
        start_from(last, str(source))  # which checks that it is the same network
        kept = {name: kept[name] + value for name, value in last.state_dict().items()}
    last.load_state_dict({name: value / len(sources) for name, value in kept.items()})
    record = bundle.describe(sources[-1]).get("record", {})
    return bundle.save(
        last, target, half=True, **record, **({"mean_of": len(sources)} if sources[1:] else {})
    )


if __name__ == "__main__":
    *given, out = sys.argv[1:] or [""]
    try:
        ship(given, out)
    except PseError as error:
        sys.exit(f"ship: {error}")
