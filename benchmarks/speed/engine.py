"""What the engine costs beside the model: a batch of a model that does nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed._timing import alternate, row


class Nothing(nn.Module):
    """One parameter, so that there is something to train, and no work."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """The same logit for everything."""
        return self.weight.expand(dst.shape)

    def observe(self, events: Any) -> None:
        """Nothing."""

    def reset_state(self) -> None:
        """Nothing."""


def run(quick: bool) -> list[dict[str, Any]]:
    """Seconds per batch of 100 events in the engine, and in the least loop that does the same."""
    from graphkit import LinkPrediction, load
    from graphkit.engine.optimizers import make_optimizer
    from graphkit.engine.passes import score_pass, train_pass
    from graphkit.engine.runtime import Runtime

    graph = load("triadic", num_events=6_000 if quick else 60_000, num_nodes=1_000)
    task = LinkPrediction(graph)
    runtime = Runtime.start("cpu")
    model = Nothing()
    optimizer = make_optimizer("adam", list(model.parameters()), 1e-4)
    batches = len(task.stream("train", 100))
    drawn = list(task.stream("train", 100))

    def engine() -> None:
        loss = torch.zeros((), dtype=torch.float64)
        train_pass(model, task, task.stream("train", 100), optimizer, runtime, loss)

    def loop() -> None:
        for query in drawn:
            task.loss(task.score(model, query), len(query)).backward()
            optimizer.step()
            model.weight.grad = None

    def scoring() -> None:
        score_pass(model, task, task.stream("train", 100), runtime)

    trained, bare, scored = (s / batches for s in alternate(engine, loop, scoring, repeats=5))
    return [
        row(
            "engine, training, per batch of 100",
            trained,
            bare,
            target="150 µs",
            note="baseline: loss, backward and Adam alone, on batches that lie ready",
        ),
        row("engine, scoring, per batch of 100", scored, note="slices, score, collect, observe"),
    ]
