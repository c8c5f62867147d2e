"""DAGNN beside the plain one of ``_plain_dagnn.py``: an epoch, the layer alone, the 100 runs.

The graph is Cora where that is at hand, else a generated one of its size; settings are those of
the paper for Cora. An epoch is one training step and one evaluation. The 100 runs of the protocol
are timed per epoch, on both sides over a few epochs that take turns, and extrapolated to 100 runs
of 1,000 epochs (none stopped early); ours train in stacks of ten, as ``node_cls`` does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.speed._plain_dagnn import PlainDAGNN, PlainPropagation, PlainRun
from benchmarks.speed._timing import alternate, row
from graphkit import TemporalGraph, load
from graphkit.engine import fit_many
from graphkit.engine.optimizers import make_optimizer
from graphkit.errors import DatasetNotFoundError
from graphkit.models.static import DAGNN
from graphkit.nn.conv import DAGNNConv
from graphkit.tasks import NodeClassification

__all__ = ["OneRun", "citations", "run"]

SETTINGS = {"hidden_channels": 64, "K": 10, "dropout": 0.8}
LR, DECAY = 0.01, 0.005
STACK = 10


def citations(quick: bool = False) -> TemporalGraph:
    """Cora if it is at hand, else a graph of its size: a ring of chords, words at random."""
    if not quick:
        try:
            return load("cora", download=False)
        except DatasetNotFoundError:
            pass
    n, words, links = (60, 40, 90) if quick else (2_708, 1_433, 5_278)
    draw = torch.Generator().manual_seed(0)
    src = torch.randint(n, (links,), generator=draw)
    dst = (src + torch.randint(1, n, (links,), generator=draw)) % n
    x = (torch.rand(n, words, generator=draw) < 0.0127).float()
    x[:, 0] = 1
    both = torch.cat([src, dst]), torch.cat([dst, src])
    t = torch.zeros(2 * links, dtype=torch.long)
    return TemporalGraph(*both, t, x=x, y=torch.arange(n) % 7, num_nodes=n, name="generated")


class OneRun:
    """graphkit's DAGNN, epoch by epoch in a loop as anybody writes it."""

    def __init__(self, task: NodeClassification) -> None:
        self.task = task
        self.model = DAGNN.from_graph(task.graph, **SETTINGS)
        self.optimizer = make_optimizer("adam", list(self.model.parameters()), LR, DECAY)
        self.best = float("-inf")

    def epoch(self) -> None:
        """One training step, then log likelihood and accuracy of every subset."""
        query = next(self.task.stream("train").start())
        self.model.train()
        self.optimizer.zero_grad()
        self.task.loss(self.task.score(self.model, query), len(query)).backward()
        self.optimizer.step()
        self.model.eval()
        with torch.no_grad():
            logits = self.task.logits(self.model, query)
            for part in ("train", "val", "test"):
                answer = self.task.answer(logits, next(self.task.stream(part).start()))
                found = self.task.metrics(answer, part)
                if part == "val":
                    self.best = max(self.best, found["log_likelihood"])


def stack(task: NodeClassification, runs: int, epochs: int) -> None:
    """So many runs of the protocol, as one job."""
    seeds = list(range(runs))
    fit_many(
        [DAGNN.from_graph(task.graph, **SETTINGS) for _ in seeds],
        [task] * runs,
        seeds=seeds,
        epochs=epochs,
        lr=LR,
        weight_decay=DECAY,
        patience=None,
        mean_window=100,
        device="cpu",
        progress=False,
    )


def through(layer: torch.nn.Module, x: torch.Tensor, edge_index: torch.Tensor) -> None:
    """Forward and backward."""
    layer(x, edge_index).sum().backward()


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The speed table's rows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _run(quick)


def _run(quick: bool) -> list[dict[str, Any]]:
    graph = citations(quick)
    if graph.name == "generated":
        sizes = {"train_per_class": 5, "num_val": 10, "num_test": 10}
        task = NodeClassification(graph, split="random", normalize_features=True, **sizes)
    else:
        task = NodeClassification(graph, normalize_features=True)
    static, n = graph.static(), graph.num_nodes
    features = F.normalize(graph.x.float(), p=1, dim=1)
    model = PlainDAGNN(graph.x.shape[1], 64, 7, K=SETTINGS["K"], dropout=SETTINGS["dropout"])
    plain = PlainRun(model, features, static.edge_index, graph.y, task.split, LR, DECAY)
    rounds, epochs, runs = (2, 2, 2) if quick else (9, 5, STACK)
    where = f"{graph.name}, K=10, {torch.get_num_threads()} thread(s)"

    ours_s, plain_s = alternate(OneRun(task).epoch, plain.epoch, repeats=rounds, warmup=2)
    rows = [
        row(
            "DAGNN, one epoch: training step and evaluation",
            ours_s,
            plain_s,
            target=">= 3x",
            note=f"{where}; baseline: PyG messages, dense features",
        )
    ]
    x = torch.randn(n, 7, requires_grad=True)
    layer, plain_layer = DAGNNConv(7, K=10), PlainPropagation(7, K=10)
    ours_s, plain_s = alternate(
        partial(through, layer, x, static.edge_index),
        partial(through, plain_layer, x, static.edge_index),
        repeats=rounds,
        warmup=2,
    )
    rows.append(
        row(
            "DAGNNConv, forward and backward",
            ours_s,
            plain_s,
            note=f"{where}; 7 channels; baseline: PyG messages",
        )
    )
    several, plain_s = alternate(
        partial(stack, task, runs, epochs),
        lambda: [plain.epoch() for _ in range(2)],
        repeats=2 if quick else 5,
    )
    job, alone = several / runs / epochs * 100_000, plain_s / 2 * 100_000
    rows.append(
        row(
            "DAGNN, 100 runs of 1,000 epochs",
            job,
            alone,
            target=">= 10x",
            note=f"{where}; extrapolated from {epochs} epochs of a stack of {runs}, start and end "
            "of the job among them, and from 2 epochs of the plain one",
        )
    )
    return rows
