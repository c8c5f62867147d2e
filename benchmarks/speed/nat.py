"""NAT beside the plain NAT of ``_plain_nat.py``: training, evaluation, many candidates, memory.

The two take turns on chunks of one stream, at the same position in it, in one process with a fixed
number of threads; medians over the chunks are compared. Batches of 100, one negative per event, 32
and 16 slots. The plain one has its authors' sizes; graphkit's has the library's defaults, and a row
with the authors' sizes and readout tells how much is owed to the code alone. The loop is the
engine's: score, loss, backward, observe, step.

The stream is CollegeMsg where that is at hand, else a generated one of its size.
``python -m benchmarks.speed.nat --threads 1`` runs this benchmark alone.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.speed._plain_nat import PlainNAT
from benchmarks.speed._timing import alternate, row
from graphkit import TemporalGraph, load
from graphkit.engine.optimizers import make_optimizer
from graphkit.errors import DatasetNotFoundError
from graphkit.models.stream.nat import NAT
from graphkit.nn.caching.unchanged import tensors_unchanged

__all__ = ["Ours", "Plain", "run", "stream"]

BATCH = 100
AUTHORS = {
    "self_channels": 72,
    "replace_prob": 0.9,
    "readout": "code",
    "clock": "absolute",
    "directed": False,
    "counts": False,
    "half_lives": (),
    "hop2_pending": True,
    "allow_self": True,
}


def stream(quick: bool = False) -> TemporalGraph:
    """CollegeMsg if it is at hand, else a generated stream of its size."""
    try:
        graph = load("collegemsg", download=False)
    except DatasetNotFoundError:
        graph = load("triadic", num_events=59_835, num_nodes=1_899)
    return graph[:6_000] if quick else graph


class Runner:
    """A model that goes through a stream in chunks, always from where it stopped."""

    model: torch.nn.Module

    def __init__(self, graph: TemporalGraph, seed: int = 0) -> None:
        self.graph, self.position = graph, 0
        self.pool = graph.dst.unique()
        self.generator = torch.Generator().manual_seed(seed)

    def chunk(self, events: int, batch_size: int = BATCH) -> list[Any]:
        """The next events in batches."""
        start, self.position = self.position, self.position + events
        if self.position > len(self.graph):
            raise IndexError(f"the stream ends at {len(self.graph)}, not {self.position}")
        chunk = self.graph[start : self.position]
        return list(chunk.batches(size=batch_size))

    def negatives(self, *shape: int) -> Tensor:
        """Uniform over the destinations."""
        return self.pool[torch.randint(len(self.pool), shape, generator=self.generator)]

    def train(self, events: int) -> None:
        """Learn from the next events."""
        self.model.train()
        for batch in self.chunk(events):
            self.learn(batch, self.negatives(len(batch)))

    @torch.no_grad()
    def evaluate(self, events: int, candidates: int = 1) -> None:
        """Score the next events and their negatives, then enter the events."""
        self.model.eval()
        for batch in self.chunk(events):
            self.judge(batch, self.negatives(len(batch), candidates))


class Plain(Runner):
    """The plain NAT; ids from 1 on."""

    def __init__(self, graph: TemporalGraph) -> None:
        super().__init__(graph)
        self.model = PlainNAT(graph.num_nodes, int(graph.event_id[-1]) + 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)

    def learn(self, batch: Any, negative: Tensor) -> None:
        """One training batch."""
        self.optimizer.zero_grad()
        positive, against = self.judge(batch, negative)
        loss = F.binary_cross_entropy(positive, torch.ones_like(positive))
        loss = loss + F.binary_cross_entropy(against, torch.zeros_like(against))
        loss.backward()
        self.optimizer.step()

    def judge(self, batch: Any, negative: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of the events and of their negatives."""
        return self.model.contrast(
            batch.src + 1, batch.dst + 1, negative + 1, batch.t, batch.event_id + 1
        )


class Ours(Runner):
    """graphkit's NAT, in the engine's order."""

    def __init__(self, graph: TemporalGraph, **settings: Any) -> None:
        super().__init__(graph)
        self.model = NAT.from_graph(graph, **settings)
        self.parameters = list(self.model.parameters())
        self.optimizer = make_optimizer("adam", self.parameters, lr=1e-4)

    @tensors_unchanged()
    def learn(self, batch: Any, negative: Tensor) -> None:
        """One training batch."""
        candidates = torch.stack([batch.dst, negative], dim=1)
        logits = self.model.score(batch.src, candidates, batch.t)
        target = torch.zeros_like(logits)
        target[:, 0] = 1
        F.binary_cross_entropy_with_logits(logits, target).backward()
        self.model.observe(batch)
        self.optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None

    @tensors_unchanged()
    def judge(self, batch: Any, negative: Tensor) -> Tensor:
        """Logits of the events and of their negatives."""
        candidates = torch.cat([batch.dst.unsqueeze(1), negative], dim=1)
        logits = self.model.score(batch.src, candidates, batch.t)
        self.model.observe(batch)
        return logits


def turns(
    runners: list[Runner], work: Callable[[Runner, int], None], chunk: int, repeats: int
) -> list[float]:
    """Median seconds per event of each runner."""
    chunks = [lambda r=r: work(r, chunk) for r in runners]
    return [s / chunk for s in alternate(*chunks, repeats=repeats)]


def growth(sizes: tuple[int, ...], repeats: int) -> list[float]:
    """Median seconds per query after so many events of a long stream of few nodes."""
    ours = Ours(load("triadic", num_events=max(sizes), num_nodes=200, initial=1.0))
    src, dst = ours.negatives(BATCH), ours.negatives(BATCH, 2)
    queries = []
    for size in sizes:
        for batch in ours.chunk(size - ours.position, 1_000):
            ours.model.observe(batch)
        model, t = copy.deepcopy(ours.model).eval(), ours.graph.t[size - 1].expand(BATCH)
        queries.append(lambda model=model, t=t: model.score(src, dst, t))
    with torch.no_grad():
        return [s / dst.numel() for s in alternate(*queries, repeats=repeats, warmup=5)]


def run(quick: bool = False, threads: int = 2) -> list[dict[str, Any]]:
    """The speed table's rows; seconds are per event."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _run(quick, threads)
    finally:
        torch.set_num_threads(before)


def _run(quick: bool, threads: int) -> list[dict[str, Any]]:
    graph = stream(quick)
    plain, ours, like = Plain(graph), Ours(graph), Ours(graph, **AUTHORS)
    where = f"{graph.name or 'generated stream'}, threads {threads}"
    chunk, rounds = (200, 3) if quick else (1_000, 40)
    plain_s, ours_s, like_s = turns([plain, ours, like], Runner.train, chunk, rounds)
    rows = [
        row(
            "NAT training, per event",
            ours_s,
            plain_s,
            target=">= 8x",
            note=f"{where}; {1 / ours_s:,.0f} against {1 / plain_s:,.0f} events/s",
        ),
        row(
            "NAT training, the authors' sizes and readout",
            like_s,
            plain_s,
            note="as above; hidden size 32",
        ),
    ]
    rounds = 3 if quick else 8
    plain_s, ours_s = turns([plain, ours], Runner.evaluate, chunk, rounds)
    rows.append(
        row(
            "NAT evaluation, per event",
            ours_s,
            plain_s,
            target=">= 8x",
            note=f"{where}; {1 / ours_s:,.0f} against {1 / plain_s:,.0f} events/s",
        )
    )
    candidates = 10 if quick else 100
    plain_s, ours_s = turns(
        [plain, ours], lambda r, n: r.evaluate(n, candidates), BATCH, 3 if quick else 5
    )
    rows.append(
        row(
            f"NAT evaluation, {candidates} candidates, per event",
            ours_s,
            plain_s,
            note=f"{where}; random candidates beside the destination",
        )
    )
    sizes = (100, 1_000, 2_000) if quick else (1_000, 10_000, 100_000)
    early, middle, late = growth(sizes, repeats=10 if quick else 100)
    rows += [
        row(
            f"NAT query after {sizes[1]:,} events",
            middle,
            early,
            note=f"baseline: after {sizes[0]:,}; 200 nodes, whose caches are filling",
        ),
        row(
            f"NAT query after {sizes[2]:,} events",
            late,
            middle,
            target="flat (1x)",
            note=f"baseline: after {sizes[1]:,}; the caches are full",
        ),
    ]
    state = ours.model.cache.bytes_per_node + ours.model.self_channels * 4
    rows.append(
        row(
            "NAT memory per node",
            state,
            plain.model.bytes_per_node,
            target="<= 1,672 B",
            unit="B",
            note="32/16 slots; ours with integer ids and times",
        )
    )
    return rows


def main() -> None:
    """This benchmark alone."""
    from benchmarks.speed import HEAD, cells
    from graphkit.engine.result import table

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    rows = run(args.quick, args.threads)
    print("\n".join(table(HEAD, [cells(r) for r in rows])))


if __name__ == "__main__":
    main()
