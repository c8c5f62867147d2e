"""Recent neighbours: graphkit's exact sampler beside PyG's ``LastNeighborLoader``.

One pass over a stream of the size of Wikipedia (157,474 events, 8,227 users, 1,000 pages) in
batches of 200, 20 neighbours of the sources and destinations of every batch, one thread. Both run
in one process, alternating, and medians of the passes are compared. The loader's work is its query
and its insertion (it has no other way to know the past); graphkit's is its query, with the index
built once beforehand.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed._timing import alternate, row
from graphkit import TemporalGraph
from graphkit.sampling import NeighborSampler

__all__ = ["measure", "run", "stream"]


def stream(
    num_events: int = 157_474, num_users: int = 8_227, num_items: int = 1_000, seed: int = 0
) -> TemporalGraph:
    """A stream of users and items, skewed like web traffic, where two events in three repeat.

    Users and items are Zipf-distributed (exponent 0.8). In Wikipedia's edits a user mostly goes
    back to the page edited before; here each user has one favourite item that takes two thirds of
    the user's events.
    """
    generator = torch.Generator().manual_seed(seed)

    def zipf(size: int) -> Tensor:
        weight = torch.arange(1, size + 1, dtype=torch.float64) ** -0.8
        order = torch.randperm(size, generator=generator)
        return order[torch.multinomial(weight, num_events, replacement=True, generator=generator)]

    user, item = zipf(num_users), zipf(num_items)
    favourite = torch.randint(num_items, (num_users,), generator=generator)
    again = torch.rand(num_events, generator=generator) < 2 / 3
    item = torch.where(again, favourite[user], item)
    t = torch.randint(0, 2_678_373, (num_events,), generator=generator).sort().values
    return TemporalGraph(user, num_users + item, t, num_nodes=num_users + num_items)


def measure(
    graph: TemporalGraph, repeats: int = 5, batch_size: int = 200, num_neighbors: int = 20
) -> dict[str, Any]:
    """Median seconds of alternating passes; see the module's docstring. Runs on one thread."""
    from torch_geometric.nn.models.tgn import LastNeighborLoader

    batches = [(b.src, b.dst, b.t) for b in graph.batches(size=batch_size)]

    def ours() -> None:
        for src, dst, t in batches:
            sampler.sample(torch.stack([src, dst]), t)

    def baseline() -> None:
        loader = LastNeighborLoader(graph.num_nodes, size=num_neighbors)
        for src, dst, _ in batches:
            loader(torch.cat([src, dst]))
            loader.insert(src, dst)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fresh = TemporalGraph(graph.src, graph.dst, graph.t, num_nodes=graph.num_nodes)
        start = time.perf_counter()
        sampler = NeighborSampler(fresh, num_neighbors)
        build = time.perf_counter() - start
        ours_s, baseline_s = alternate(ours, baseline, repeats=repeats)
    finally:
        torch.set_num_threads(threads)
    return {"ours_s": ours_s, "baseline_s": baseline_s, "build_s": build}


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The speed table's row: ``target`` is the least ``ratio`` (baseline / ours) promised."""
    graph = stream(num_events=20_000 if quick else 157_474)
    times = measure(graph, repeats=3 if quick else 5)
    return [
        row(
            "recent neighbours, one pass",
            times["ours_s"],
            times["baseline_s"],
            target=">= 4x",
            note=f"PyG LastNeighborLoader; {len(graph):,} events, batch 200, 20 neighbours, "
            f"1 thread; index built once in {times['build_s']:.3f} s",
        )
    ]
