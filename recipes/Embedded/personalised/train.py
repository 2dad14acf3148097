#!/usr/bin/env python3
"""Train a personalised enhancer on the embedded corpus: synthetic voices and noise, made on the spot.

> python train.py hparams/demo.yaml --conditioner film
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
