"""A training that is interrupted and resumed, with a logger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graphkit import Hook, LinkPrediction, fit, load, seed_everything
from graphkit.engine import LogMetrics, Result
from graphkit.models.stream import NAT
from graphkit.protocols import Logger

STEPS = 4 * 9  # of 4 epochs; a checkpoint after every second batch of each, and at its end


class Interrupt(Hook):
    only_reads = True

    def __init__(self, after: int | None) -> None:
        self._after = after

    def on_step(self, training, loss) -> None:
        if training.step == self._after:
            raise KeyboardInterrupt


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Result]:
    """``train(logger, after=None, **settings)``: interrupted after so many steps."""

    def train(logger: Logger, after: int | None = None, **settings) -> Result:
        graph = load("triadic", num_events=1200, num_nodes=50)
        seed_everything(2)
        options = {
            "epochs": 4,
            "batch_size": 100,
            "patience": None,
            "checkpoint_every": 2,
            "seed": 2,
        }
        hooks = [LogMetrics(logger, every=3), Interrupt(after)]
        device = {"device": "cpu", "progress": False, "threads": 1}
        model = NAT.from_graph(graph, num_slots=(8, 4))
        return fit(model, LinkPrediction(graph), hooks=hooks, **options, **settings, **device)

    return train


@pytest.fixture
def lives(train: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    """``lives(make)``: one training in four lives, each with a logger of its own."""

    def lives(make: Callable[[], Logger]) -> Result:
        settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
        for after in (1, 7, 20):
            with pytest.raises(KeyboardInterrupt):
                train(make(), after, **settings)
        train(make(), **settings)
        return train(make(), **settings)  # the test alone, once more

    return lives


@pytest.fixture
def rows() -> Callable[[Result], dict[str, list]]:
    """What a log has to hold of a result: the points of each name that are known from it."""

    def rows(result: Result) -> dict[str, list]:
        found = {
            name: [(9 * (epoch + 1), value) for epoch, value in enumerate(result.curves[name])]
            for name in ("train_loss", "val_loss", "val_ap")
        }
        test = result.metrics["test"].items()
        return {**found, **{f"test_{name}": [(STEPS, value)] for name, value in test}}

    return rows
