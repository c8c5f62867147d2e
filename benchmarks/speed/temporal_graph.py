"""The cost of a batch slice, whatever the size of the graph, and of cutting it into snapshots."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.speed._timing import alternate, row
from graphkit import TemporalGraph

__all__ = ["run"]

_BATCH = 200
_MICROSECONDS = 20e-6
_RATIO = 1.5


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows for the stream view and the snapshot view of synthetic graphs.

    The first rows time one batch of 200 events beside one of the smallest graph, so a ratio of 1
    says that the cost does not grow. The last row times ``snapshots(count=1000)``, all merged
    edges of all steps included, beside one stable sort of its keys and nothing else.
    """
    torch.set_num_threads(1)
    sizes = (10_000, 40_000) if quick else (100_000, 1_000_000, 4_000_000)
    return [*_batches(sizes), _snapshots(100_000 if quick else 1_000_000)]


def _graph(num_events: int, num_nodes: int, features: int = 0) -> TemporalGraph:
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(num_nodes, (2, num_events), generator=generator)
    t = torch.randint(10 * num_events, (num_events,), generator=generator).sort().values
    feats = torch.zeros(num_events, features) if features else None
    return TemporalGraph(ends[0], ends[1], t, edge_attr=feats, num_nodes=num_nodes)


def _batches(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    graphs = [_graph(size, 10_000, features=16) for size in sizes]
    per_pass = 40  # batches from all over the stream

    def walk(graph: TemporalGraph) -> Any:
        batches = graph.batches(size=_BATCH)
        places = torch.linspace(0, len(batches) - 1, per_pass).long().tolist()

        def once() -> None:
            for place in places:
                batches[place]

        return once

    spent = [s / per_pass for s in alternate(*map(walk, graphs), repeats=51, warmup=5)]
    return [
        row(
            f"batch of {_BATCH} events out of {size / 1e6:g} M",
            ours,
            spent[0],
            target=f"<= {_MICROSECONDS * 1e6:.0f} µs, flat",
            note=f"{'met' if ours <= _MICROSECONDS else 'missed'}; baseline: {sizes[0] / 1e6:g} M",
        )
        for size, ours in zip(sizes, spent)
    ]


def _snapshots(num_events: int) -> dict[str, Any]:
    graph = _graph(num_events, 10_000)
    steps = graph.snapshots(count=1000)
    ends = torch.from_numpy(steps.end)
    interval = torch.searchsorted(ends, graph.t, right=True)
    keys = (interval * graph.num_nodes + graph.src) * graph.num_nodes + graph.dst
    ours, sort = alternate(
        lambda: graph.snapshots(count=1000),
        lambda: torch.sort(keys, stable=True),
        repeats=21,
        warmup=3,
    )
    cost = ours / sort
    return row(
        f"1000 snapshots of {num_events / 1e6:g} M events",
        ours,
        sort,
        target=f"<= {_RATIO} sorts",
        note=f"{'met' if cost <= _RATIO else 'missed'}: {cost:.2f} sorts; baseline: "
        "one stable sort of the keys",
    )
