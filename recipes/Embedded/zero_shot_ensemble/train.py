#!/usr/bin/env python3
"""Train an ensemble of specialists on the embedded corpus: synthetic voices and noise, made on the spot.

> python train.py hparams/demo.yaml
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
