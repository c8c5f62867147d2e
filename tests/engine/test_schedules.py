"""Learning rates over a run, and extra losses of a model."""

import math

import pytest
import torch

from graphkit import LinkPrediction, fit, seed_everything
from graphkit.engine.schedules import make_schedule
from graphkit.errors import GraphError, UnknownNameError

CPU = {"device": "cpu", "progress": False, "threads": 1}


def test_cosine_with_warmup():
    factor = make_schedule("cosine", 10, 2)
    assert [factor(u) for u in (0.5, 1.0, 2.0)] == [0.25, 0.5, 1.0]
    for u in (3.0, 6.0, 9.5):
        assert factor(u) == pytest.approx(0.5 * (1 + math.cos(math.pi * (u - 2) / 8)))
    assert factor(6.0) == pytest.approx(0.5)
    assert factor(10.0) == pytest.approx(0.0)
    assert factor(12.0) == pytest.approx(0.0)
    assert make_schedule("constant", 10) is None
    assert make_schedule("constant", 10, 4)(3.0) == 0.75
    assert make_schedule("constant", 10, 4)(9.0) == 1.0


@pytest.mark.parametrize("warmup", [-1, 5, 7.5])
def test_warmup_has_to_fit(warmup):
    with pytest.raises(GraphError, match="warmup"):
        make_schedule("cosine", 5, warmup)


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="cosine"):
        make_schedule("cosin", 5)


def recording(rates):
    """An optimiser that writes down its learning rate at every step."""

    class Recording(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            super().step()

    return lambda parameters: Recording(parameters, lr=0.5)


def test_rates_of_a_run(toy):
    rates = []
    task = LinkPrediction(toy.stream(300))
    batches = len(task.stream("train", 50))
    fit(
        toy.Toy(60), task, epochs=3, batch_size=50, optimizer=recording(rates), patience=None,
        schedule="cosine", warmup=1, **CPU,
    )  # fmt: skip
    factor = make_schedule("cosine", 3, 1)
    want = [0.5 * factor((step + 0.5) / batches) for step in range(3 * batches)]
    assert rates == pytest.approx(want)


def test_a_resumed_run_goes_on_with_the_schedule(toy, tmp_path):
    task = LinkPrediction(toy.stream(300))
    options = {
        "epochs": 4, "batch_size": 50, "lr": 0.05, "patience": None, "schedule": "cosine", **CPU,
    }  # fmt: skip

    def train(**more):
        seed_everything(0)
        model = toy.Toy(60)
        return fit(model, task, **options, **more), model

    whole, model = train()

    class Interrupted(LinkPrediction):
        def stream(self, split, batch_size, *, epoch=0, **more):
            if split == "train" and epoch == 2:
                raise KeyboardInterrupt
            return super().stream(split, batch_size, epoch=epoch, **more)

    task, usual = Interrupted(toy.stream(300)), task
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint_dir=tmp_path)
    task = usual
    again, twin = train(checkpoint_dir=tmp_path, resume=True)
    assert again.curves == whole.curves
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters()))
    assert again.settings["schedule"] == "cosine"
    options["schedule"] = "constant"
    with pytest.raises(GraphError, match="schedule"):
        train(checkpoint_dir=tmp_path, resume=True)


def test_an_auxiliary_loss_is_trained_on_and_not_reported(toy):
    class Pulled(toy.Toy):
        """Is pulled towards 3 besides."""

        def __init__(self, num_nodes):
            super().__init__(num_nodes)
            self.extra = torch.nn.Parameter(torch.zeros(()))

        def auxiliary_loss(self):
            return (self.extra - 3).square()

    task = LinkPrediction(toy.stream(300))
    seed_everything(0)
    plain = fit(toy.Toy(60), task, epochs=2, lr=0.05, optimizer="sgd", **CPU)
    seed_everything(0)
    model = Pulled(60)
    pulled = fit(model, task, epochs=2, batch_size=100, lr=0.05, optimizer="sgd", **CPU)
    assert pulled.curves["train_loss"] == plain.curves["train_loss"]
    steps, extra = 2 * len(task.stream("train", 100)), 0.0
    best = pulled.curves["best_epoch"] + 1
    for _ in range(steps * best // 2):
        extra -= 0.05 * 2 * (extra - 3)
    assert model.extra.item() == pytest.approx(extra, rel=1e-5)
