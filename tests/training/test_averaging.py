"""With ``average``, what is validated and saved is the moving average of the weights."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from pse_plugins.errors import ConfigError
from pse_plugins.training.averaging import WeightMean
from pse_plugins.training.fitting import Job, fit
from pse_plugins.training.schedule import Schedule
from pse_plugins.training.steady import SteadyBrain


class Descent(SteadyBrain):
    """The gradient is one at every step, so that the weight falls by the learning rate."""

    judged_by = "fit"

    def __init__(self, *arguments, **brain):
        super().__init__(*arguments, **brain)
        self.trained, self.validated = [], []

    def compute_forward(self, batch, stage):
        return self.modules["line"].weight

    def compute_objectives(self, predictions, batch, stage):
        (self.trained if str(stage) == "Stage.TRAIN" else self.validated).append(predictions.item())
        self.add_score("fit", -predictions.item())
        return predictions.sum()


def descend(folder, **settings):
    line, brains = nn.Linear(1, 1, bias=False), []
    nn.init.zeros_(line.weight)
    items = TensorDataset(torch.zeros(5, 1))
    optimiser = partial(torch.optim.SGD, lr=0.5)
    job = Job(
        folder, 0, 2, 1, optimiser, Schedule("constant", 0.0), settings={"noprogressbar": True, **settings}
    )

    def make(**brain):
        brains.append(Descent({"line": line}, **brain))
        return brains[0]

    fit(make, {"line": line}, items, items, job)
    return line, brains[0]


def test_the_mean_is_validated_and_saved_and_training_goes_on_from_the_weights(tmp_path):
    line, brain = descend(tmp_path, average=0.5)
    assert brain.trained == pytest.approx([-0.5 * step for step in range(10)])
    mean, means = 0.0, []
    for step in range(1, 11):
        keep = min(0.5, (1 + step) / (10 + step))
        mean = keep * mean + (1 - keep) * -0.5 * step
        means.append(mean)
    assert brain.validated == pytest.approx([means[4], means[9]], rel=1e-6)
    assert line.weight.item() == pytest.approx(means[9], rel=1e-6)


def test_without_it_the_weights_themselves_are(tmp_path):
    line, brain = descend(tmp_path)
    assert brain.validated == pytest.approx([-2.5, -5.0]) and line.weight.item() == -5.0


def test_what_is_frozen_has_no_mean():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    mean = WeightMean(net.parameters(), 0.9)
    assert [id(w) for w in mean.weights] == [id(p) for p in net[0].parameters()]


@pytest.mark.parametrize("decay", [1.0, -0.1, 2, "much"])
def test_a_decay_out_of_range_is_an_error(decay):
    with pytest.raises(ConfigError, match="average must lie between 0 and 1"):
        WeightMean([], decay)
