"""fit_many beside fit: every piece of the loop is the same."""

import pytest
import torch
from torch import nn

import graphkit
from graphkit.data.window_splits import BlockSplit
from graphkit.engine import fit, fit_many, seed_everything
from graphkit.errors import GraphError
from graphkit.nn.stacking import Stack
from graphkit.tasks import WindowClassification


class Leaning(nn.Module):
    """A linear classifier whose weights are pulled towards a sum of 2, as a term of its own."""

    def __init__(self, channels: int = 14, classes: int = 5, pull: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, classes) / 10)
        self.unused = nn.Parameter(torch.ones(1))
        self.pull = pull

    def forward(self, x, covariates=None, mask=None):
        return x.abs().mean(-3)[..., 0] @ self.weight

    def auxiliary_loss(self):
        return self.pull * (self.weight.sum((-2, -1)) - 2).square()

    @staticmethod
    def stack(models, seeds):
        return Stack(models, seeds)


@pytest.fixture(scope="module")
def tasks():
    twin = graphkit.load("eeg_twin", num_subjects=3, num_clips=6, seconds=5)
    return [
        WindowClassification(
            twin, history=64, split=BlockSplit(5, i), windows_per_epoch=90, seed=i, scaler="none"
        )
        for i in (1, 3)
    ]


OPTIONS = {"epochs": 4, "batch_size": 40, "lr": 0.05, "weight_decay": 0.1, "patience": None,
           "device": "cpu", "progress": False}  # fmt: skip


def build(seed, **settings):
    seed_everything(seed)
    return Leaning(**settings)


def test_an_auxiliary_loss_is_trained_on_as_in_single_runs(tasks):
    models, alone = [build(s) for s in (3, 4)], [build(s) for s in (3, 4)]
    many = fit_many(models, tasks, seeds=[3, 4], **OPTIONS)
    for seed, task, model, one, result in zip((3, 4), tasks, models, alone, many):
        single = fit(one, task, seed=seed, **OPTIONS)
        torch.testing.assert_close(model.weight, one.weight, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(model.unused, one.unused)
        for name, curve in single.curves.items():
            assert result.curves[name] == pytest.approx(curve, rel=1e-4), name
        for split in ("val", "test"):
            assert result.metrics[split] == pytest.approx(single.metrics[split], rel=1e-4)
    plain = [build(s, pull=0.0) for s in (3, 4)]
    fit_many(plain, tasks, seeds=[3, 4], **OPTIONS)
    pulled, free = (abs(float(m[0].weight.detach().sum()) - 2) for m in (models, plain))
    assert pulled < 0.5 * free


def test_a_stack_that_would_leave_it_out_is_refused(tasks):
    class Deaf(nn.Module):
        def __init__(self, models):
            super().__init__()

    class Mute(Leaning):
        @staticmethod
        def stack(models, seeds):
            return Deaf(models)

    with pytest.raises(GraphError, match="its stack would leave out"):
        fit_many([Mute(), Mute()], tasks, seeds=[0, 1], **OPTIONS)


def test_a_loss_that_is_not_finite_is_an_error(tasks):
    models = [build(0), build(1)]
    nn.init.constant_(models[1].weight, float("nan"))
    with pytest.raises(GraphError, match="it is nan after epoch 1 of seed 1"):
        fit_many(models, tasks, seeds=[0, 1], **OPTIONS)
