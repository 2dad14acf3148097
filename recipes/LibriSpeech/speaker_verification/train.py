#!/usr/bin/env python3
"""Train a speaker encoder to tell voices apart, and measure its equal error rate.

> python train.py hparams/ge2e.yaml --data_folder LibriSpeech --noise_folder esc10
> python train.py hparams/distillation.yaml --data_folder LibriSpeech --noise_folder esc10
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
