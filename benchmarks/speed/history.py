"""``history`` beside the per-edge Python pipeline of ``_plain_history.py``: training, evaluation.

Both have the same network and see the same events (all that are strictly earlier than a query), so
they give the same scores; what differs is how histories are read and neighbours counted. They take
turns on chunks of one stream; medians over the chunks are compared, of CPU time where there is one
thread. Batches of 100, one negative per event. The stream is CollegeMsg where that is at hand, else
a generated one of its size.
``python -m benchmarks.speed.history --threads 1`` runs this benchmark alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.speed._plain_history import PlainHistory
from benchmarks.speed._timing import alternate, row
from benchmarks.speed.nat import Runner, stream
from graphkit import TemporalGraph
from graphkit.engine.optimizers import make_optimizer
from graphkit.models.stream.history import HistoryLinkPredictor
from graphkit.nn.stream import EventColumns

__all__ = ["Ours", "Plain", "run"]

SETTINGS: dict[str, dict[str, Any]] = {
    "mixer": {
        "encoder": "mixer",
        "encoder_settings": {"channel_ratio": 1},
        "half_lives": (),
    },
    "DyGFormer-like": {
        "encoder": "transformer",
        "num_layers": 2,
        "pairing": "joint",
        "pool": "mean",
        "length": 32,
        "clock": "time",
        "ages": "cosine",
        "half_lives": (),
    },
}


class Ours(Runner):
    """graphkit's model, in the engine's order."""

    make = HistoryLinkPredictor

    def __init__(self, graph: TemporalGraph, **settings: Any) -> None:
        super().__init__(graph)
        torch.manual_seed(0)
        self.model = self.make.from_graph(graph, **settings)
        self.optimizer = make_optimizer("adam", list(self.model.parameters()), lr=1e-4)

    def learn(self, batch: Any, negative: Tensor) -> None:
        """One training batch."""
        logits = self.judge(batch, negative.unsqueeze(1))
        target = torch.zeros_like(logits)
        target[:, 0] = 1
        F.binary_cross_entropy_with_logits(logits, target).backward()
        self.enter(batch)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def judge(self, batch: Any, negative: Tensor) -> Tensor:
        """Logits of the events and of their negatives."""
        candidates = torch.cat([batch.dst.unsqueeze(1), negative], dim=1)
        logits = self.model.score(batch.src, candidates, batch.t, earlier=batch)
        if not torch.is_grad_enabled():
            self.enter(batch)
        return logits

    def enter(self, batch: Any) -> None:
        """The model observes the batch."""
        self.model.observe(batch)


class Plain(Ours):
    """The plain pipeline: it searches the whole stream, so there is nothing to enter."""

    make = PlainHistory

    def __init__(self, graph: TemporalGraph, **settings: Any) -> None:
        super().__init__(graph, **settings)
        self.model.attach(graph)

    def enter(self, batch: Any) -> None:
        """Nothing."""


def run(quick: bool = False, threads: int = 1) -> list[dict[str, Any]]:
    """The speed table's rows; seconds are per event."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            return _run(quick, threads)
    finally:
        torch.set_num_threads(before)


def turns(
    runners: list[Ours], work: Callable[[Runner, int], None], chunk: int, repeats: int
) -> list[float]:
    """Median seconds per event of each runner; CPU time with one thread."""
    chunks = [lambda r=r: work(r, chunk) for r in runners]
    return [s / chunk for s in alternate(*chunks, repeats=repeats, clock=_clock())]


def _clock() -> Callable[[], float]:
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


def _run(quick: bool, threads: int) -> list[dict[str, Any]]:
    graph = stream(quick)
    where = f"{graph.name or 'generated stream'}, threads {threads}"
    rows = []
    for name, settings in SETTINGS.items():
        plain, ours = Plain(graph, **settings), Ours(graph, **settings)
        # A part of the stream goes by first, so that histories are filled.
        for batch in ours.chunk(1_000 if quick else 10_000):
            ours.enter(batch)
        plain.position = ours.position
        chunk, rounds = (200, 3) if quick else (500, 5) if name == "mixer" else (100, 3)
        plain_s, ours_s = turns([plain, ours], Runner.train, chunk, rounds)
        rows.append(
            row(
                f"history training, {name}, per event",
                ours_s,
                plain_s,
                target=">= 3x" if name == "mixer" else None,
                note=f"{where}; {1 / ours_s:,.0f} against {1 / plain_s:,.0f} events/s",
            )
        )
        plain_s, ours_s = turns([plain, ours], Runner.evaluate, chunk, rounds)
        rows.append(
            row(
                f"history evaluation, {name}, per event",
                ours_s,
                plain_s,
                note=f"{where}; {1 / ours_s:,.0f} against {1 / plain_s:,.0f} events/s",
            )
        )
        if name == "mixer":
            rows.append(_reading(plain, ours, 3 if quick else 20, where))
    return rows


def _reading(plain: Plain, ours: Ours, repeats: int, where: str) -> dict[str, Any]:
    """Histories and counts of one training batch, without any network."""
    (batch,) = ours.chunk(100)
    candidates = torch.stack([batch.dst, ours.negatives(100)], dim=1)
    model, queries = ours.model, torch.cat([batch.src, candidates.flatten()])
    when = torch.cat([batch.t, batch.t.repeat_interleave(2)])

    def vectorised() -> None:
        rows = model.history(queries, when, EventColumns.of(batch))
        key = torch.cat([rows.recent.node, rows.node.unsqueeze(1)], 1)
        every = torch.arange(len(key))
        model._count(key, every, every)
        model._count(key, rows.row_of[:100].repeat_interleave(2), rows.row_of[100:])

    def in_python() -> None:
        for column in candidates.unbind(1):
            both = torch.cat([batch.src, column])
            t = torch.cat([batch.t, batch.t]).numpy()
            node, *_ = plain.model.sampler.latest(both.numpy(), t, model.length - 1)
            key = torch.cat([torch.from_numpy(node), both.unsqueeze(1)], 1)
            every = torch.arange(len(key))
            plain.model._count(key, every, every)
            plain.model._count(key, every[:100], every[100:])

    python_s, ours_s = alternate(in_python, vectorised, repeats=repeats, clock=_clock())
    note = f"{where}; all of a training batch of 100"
    return row("history reading and counting, per batch", ours_s, python_s, note=note)


def main() -> None:
    """This benchmark alone."""
    from benchmarks.speed import HEAD, cells
    from graphkit.engine.result import table

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    print("\n".join(table(HEAD, [cells(r) for r in run(args.quick, args.threads)])))


if __name__ == "__main__":
    main()
