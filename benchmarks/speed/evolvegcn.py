"""EvolveGCN-O beside the plain one of ``_plain_evolvegcn.py``: a training epoch, a validation pass.

Same graph, same weights to begin with, the published settings for CollegeMsg (there called UCI), in
one process with a fixed number of threads, in turns; one of ours is eight epochs of training, to
last as long as one of the plain model. Training is measured with ReLU, which gives both sides the
same numbers, and with RReLU, which the authors train with. -H beside it is graphkit's own, without
a baseline. The stream is CollegeMsg where that is at hand, else a generated one of its size.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks import _settings
from benchmarks.speed._plain_evolvegcn import PlainEvolveGCNO, PlainLinks
from benchmarks.speed._timing import alternate, row
from benchmarks.speed.nat import stream
from graphkit import registry
from graphkit.engine.optimizers import make_optimizer
from graphkit.engine.passes import score_pass, train_pass
from graphkit.engine.runtime import Runtime
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction

__all__ = ["Ours", "Plain", "run"]

_QUICK = {"every": 190_080, "history": 2, "negatives": 5, "first": 30, "train": 0.71}


class Ours:
    """graphkit's model in the engine's passes."""

    def __init__(self, task: SnapshotLinkPrediction, name: str, **settings: Any) -> None:
        torch.manual_seed(0)
        self.task, self.epoch, self.runtime = task, 0, Runtime.start("cpu")
        self.model = registry.get("model", name).from_task(task, **settings)
        self.optimizer = make_optimizer("adam", list(self.model.parameters()), lr=1e-3)

    def train(self) -> float:
        """An epoch; the mean loss."""
        stream = self.task.stream("train", epoch=self.epoch)
        total = torch.zeros((), dtype=torch.float64)
        train_pass(self.model, self.task, stream, self.optimizer, self.runtime, total)
        self.epoch += 1
        return float(total) / stream.num_queries

    def validate(self) -> dict[str, float]:
        """MAP and MRR of the validation steps."""
        answer = score_pass(self.model, self.task, self.task.stream("val"), self.runtime)
        return self.task.metrics(answer, "val")


class Plain:
    """The plain model over the same steps, with the weights that ours begins with."""

    def __init__(self, ours: Ours, activation: type[torch.nn.Module] = torch.nn.ReLU) -> None:
        task, line = ours.task, ours.task.timeline
        encoder, head = ours.model.encoder, ours.model.head
        self.steps = {split: list(line.steps(split, 1)) for split in ("train", "val")}
        self.links = PlainLinks(
            torch.cat([_rows(line, step) for step in range(len(line))]),
            line.num_nodes,
            line.in_channels,
            line.history,
            task.negatives,
            task.class_weights,
        )
        self.model = PlainEvolveGCNO(
            line.in_channels, encoder.out_channels, head.first.out_features, activation
        )
        with torch.no_grad():
            for mine, theirs in zip(self.model.layers, encoder.layers):
                mine.weight.copy_(theirs.weight)
                cell = theirs.cell
                for i, gate in enumerate((mine.update, mine.reset, mine.new)):
                    gate.w.copy_(cell.weight_input[i])
                    gate.u.copy_(cell.weight_hidden[i])
                    gate.bias.copy_(cell.bias[i])
            self.model.classifier[0].load_state_dict(head.first.state_dict())
            self.model.classifier[2].load_state_dict(head.second.state_dict())
        self.optimizers = [
            torch.optim.Adam(part.parameters(), lr=1e-3)
            for part in (self.model.layers, self.model.classifier)
        ]

    def train(self) -> float:
        """An epoch; the mean loss."""
        return self.links.train(self.model, self.optimizers, self.steps["train"])

    def validate(self) -> tuple[float, float]:
        """MAP and MRR of the validation steps."""
        return self.links.evaluate(self.model, self.steps["val"])


def _rows(line: Any, step: int) -> torch.Tensor:
    """The events of a step, parallel ones each for itself: ``[E, 3]``."""
    rows = torch.cat([line.edges[step], torch.full_like(line.edges[step][:1], step)]).t()
    return rows.repeat_interleave(line.weights[step].long(), dim=0)


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The speed table's rows."""
    with torch.random.fork_rng(devices=[]):
        return _run(quick)


def _run(quick: bool) -> list[dict[str, Any]]:
    graph = stream()
    settings = _settings.read("evolvegcn_o", "collegemsg", _settings.CONFIGS / "snapshot_link")
    sizes = {"hidden_channels": 8, "classifier_channels": 8} if quick else settings.model
    task = SnapshotLinkPrediction(graph, seed=0, **(_QUICK if quick else settings.task))
    ours, other = (Ours(task, name, **sizes) for name in ("evolvegcn_o", "evolvegcn_h"))
    random = Ours(task, "evolvegcn_o", activation="rrelu", **sizes)
    plain, plain_random = Plain(ours), Plain(random, torch.nn.RReLU)
    repeats, epochs = (1, 1) if quick else (5, 8)
    pairs, steps = task.stream("train").num_queries, len(plain.steps["train"])
    note = f"{graph.name or 'generated stream'}, {steps} targets, {pairs:,} pairs"
    rows = []
    for name, mine, theirs in (("", ours, plain), (", RReLU", random, plain_random)):
        ours_s, plain_s = alternate(
            lambda mine=mine: [mine.train() for _ in range(epochs)],
            theirs.train,
            repeats=repeats,
            clock=time.process_time,
        )
        name = f"EvolveGCN-O, training epoch{name}"
        rows.append(row(name, ours_s / epochs, plain_s, target=">= 10x", note=note))
    (other_s,) = alternate(other.train, repeats=repeats)
    rows.append(row("EvolveGCN-H, training epoch", other_s, note="as above"))
    ours_s, plain_s, other_s = alternate(
        ours.validate, plain.validate, other.validate, repeats=1 if quick else 3
    )
    steps = len(plain.steps["val"])
    note = f"{steps} steps of {task.num_nodes**2:,} pairs: MAP, MRR, loss"
    return [
        *rows,
        row("EvolveGCN-O, validation", ours_s, plain_s, target=">= 10x", note=note),
        row("EvolveGCN-H, validation", other_s, note="as above"),
    ]
