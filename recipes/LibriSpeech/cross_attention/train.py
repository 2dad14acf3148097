#!/usr/bin/env python3
"""Train one row of the table, or all of them for several seeds.

> python train.py hparams/small/cross-attention.yaml --data_folder LibriSpeech --noise_folder esc10
> python train.py hparams/small.yaml --data_folder LibriSpeech --noise_folder esc10 --seeds "[1, 2, 3]"
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
