#!/usr/bin/env python3
"""Train a personalised enhancer on the embedded corpus: synthetic voices and noise, made on the spot.

> python train.py hparams/demo.yaml --conditioner film
"""

import sys

from pse_plugins.cli import failing_well
from pse_plugins.training import run

if __name__ == "__main__":
    failing_well(lambda: run(sys.argv[1:]))
