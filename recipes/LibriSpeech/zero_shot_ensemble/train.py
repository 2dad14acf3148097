#!/usr/bin/env python3
"""Train an ensemble of specialists, and the gate that chooses one from the noisy speech.

> python train.py hparams/ensemble.yaml --data_folder LibriSpeech --noise_folder esc10 --k 10 --hidden 64
> python train.py hparams/ensemble.yaml ... --stages "[verify, cluster]"
> python train.py hparams/ensemble.yaml ... --sweep "[{seed: [1, 2], hidden: 64, k: [2, 5, 10]}]"
"""

import sys

from pse_plugins.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
