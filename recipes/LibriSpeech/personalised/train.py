#!/usr/bin/env python3
"""Train a personalised enhancer on LibriSpeech and a noise folder.

> python train.py hparams/gru.yaml --data_folder LibriSpeech --noise_folder esc10 --conditioner film
> torchrun --nproc_per_node 2 train.py hparams/gru.yaml ... --distributed_backend gloo
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
