"""A fitted model in use: one event at a time, and the ten best destinations of a node.

NAT on CollegeMsg where that is at hand, else on a generated stream of its size. One event is scored
and then observed through the predictor, as a table of one row with labels, beside ``model.score``
and ``model.observe`` on tensors, and beside one event of a batch of a hundred.
``python -m benchmarks.speed.predictor --threads 1`` runs this benchmark alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.speed._timing import alternate, row
from benchmarks.speed.nat import stream
from graphkit import LinkPrediction, Predictor, TemporalGraph
from graphkit.models.stream.nat import NAT

__all__ = ["run"]

_MODEL = "model.score and observe on tensors"


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Rows for one event, for a batch of them, and for recommendations."""
    graph = _labelled(stream(quick))
    task = LinkPrediction(graph)
    torch.manual_seed(0)
    model = NAT.from_task(task)
    predictor = Predictor(model, task, batch_size=100, until="val")
    plain = Predictor(model, task, batch_size=100, until="val").model
    test = task.split.test
    table = test.to_pandas()
    table.columns = ["user", "peer", "time", *table.columns[3:]]
    count = min(40 if quick else 1_000, len(test) // 2)
    batches = test.batches(size=1)

    def through(i: int) -> None:
        predictor.score(table.iloc[i : i + 1], observe=True)

    @torch.no_grad()
    def directly(i: int) -> None:
        batch = batches[i]
        plain.score(batch.src, batch.dst, batch.t)
        plain.observe(batch)

    ours, theirs = _each(count, through, directly)
    rest, size = table.iloc[count:], 100
    pieces = [rest.iloc[a : a + size] for a in range(0, len(rest) - size, size)]
    turns = iter(pieces)
    repeats = min(3 if quick else 30, len(pieces) - 1)
    (batch_s,) = alternate(lambda: predictor.score(next(turns), observe=True), repeats=repeats)
    per_event = f"median of {count}; p99 {1e3 * _p99(ours):.3g} ms"
    return [
        row("one event: score, then observe", statistics.median(ours), statistics.median(theirs),
            note=f"{per_event}; baseline: {_MODEL}, p99 {1e3 * _p99(theirs):.3g} ms"),
        row("one event of a batch of 100", batch_s / size, statistics.median(ours),
            note="baseline: one event by itself"),
        *_recommend(quick),
    ]  # fmt: skip


def _recommend(quick: bool) -> list[dict[str, Any]]:
    """The ten best of ten thousand destinations."""
    places = 500 if quick else 10_000
    draw = np.random.default_rng(0)
    events = 5 * places
    frame = pd.DataFrame(
        {
            "user": draw.integers(0, places // 10, events),
            "item": np.concatenate([np.arange(places), draw.integers(0, places, events - places)]),
            "time": np.arange(events),
        }
    )
    graph = TemporalGraph.from_pandas(frame, "user", "item", "time", bipartite=True)
    task = LinkPrediction(graph)
    torch.manual_seed(0)
    predictor = Predictor(NAT.from_task(task), task, until="val")
    model, labels = predictor.model, predictor.labels
    src = torch.from_numpy(labels.ids([3], "user", side=0))
    dst = torch.from_numpy(labels.ids(range(places), "item", side=1)).unsqueeze(0)
    t = torch.tensor([events])

    @torch.no_grad()
    def score() -> None:
        model.score(src, dst, t)

    repeats = 5 if quick else 25
    ours, theirs = alternate(lambda: predictor.recommend(3, k=10), score, repeats=repeats)
    return [
        row(f"recommend(k=10) over {places:,} destinations", ours, theirs, target="0.33x",
            note="baseline: one model.score of the same pairs")
    ]  # fmt: skip


def _labelled(graph: TemporalGraph) -> TemporalGraph:
    """The stream as a user has it: a table with text labels."""
    frame = pd.DataFrame(
        {
            "user": [f"n{i}" for i in graph.src.tolist()],
            "peer": [f"n{i}" for i in graph.dst.tolist()],
            "time": graph.t.numpy(),
        }
    )
    return TemporalGraph.from_pandas(frame, "user", "peer", "time", time_unit=graph.time_unit)


def _each(count: int, *functions: Callable[[int], None]) -> list[list[float]]:
    """Seconds of every call, the functions taking turns; the first tenth is warm-up."""
    spent: list[list[float]] = [[] for _ in functions]
    for i in range(count):
        for function, times in zip(functions, spent):
            began = time.perf_counter()
            function(i)
            times.append(time.perf_counter() - began)
    return [times[count // 10 :] for times in spent]


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))


if __name__ == "__main__":
    from benchmarks.speed import HEAD, cells
    from graphkit.engine.result import table as lines

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("\n".join(lines(HEAD, [cells(found) for found in run(arguments.quick)])))
