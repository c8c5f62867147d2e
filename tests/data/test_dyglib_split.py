"""The split of DyGLib against loops, and against its published table of counts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

import graphkit
from graphkit import TemporalGraph
from graphkit.data.dyglib_split import dyglib_split
from graphkit.errors import GraphError

# events, nodes, train, all early, val, test, drawn, new nodes, val and test with a new node
COUNTS = {
    "collegemsg": (59_835, 1_899, 34_352, 41_884, 8_975, 8_976, 189, 529, 5_002, 5_932),
    "enron": (125_235, 184, 69_452, 87_664, 18_786, 18_785, 18, 25, 5_232, 4_206),
    "wikipedia": (157_474, 9_227, 81_029, 110_232, 23_621, 23_621, 922, 3_086, 12_016, 11_715),
}


def a_stream(num_events: int = 400, num_nodes: int = 40) -> TemporalGraph:
    draw = torch.Generator().manual_seed(3)
    src, dst = torch.randint(num_nodes, (2, num_events), generator=draw)
    t = torch.randint(0, 3, (num_events,), generator=draw).cumsum(0)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_published_code(name: str, graphkit_data: Path) -> None:
    graph = graphkit.load(name)
    found = dyglib_split(graph)
    assert COUNTS[name] == (
        len(graph),
        graph.num_nodes,
        len(found.train),
        len(found.early),
        len(found.val),
        len(found.test),
        found.drawn.numel(),
        int(found.is_new.sum()),
        int(found.touches_new(found.val).sum()),
        int(found.touches_new(found.test).sum()),
    )


def test_split_and_draw_equal_a_loop_over_events() -> None:
    graph = a_stream()
    found = dyglib_split(graph)
    rows = list(zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist()))
    val, test = np.quantile(graph.t.numpy(), [0.70, 0.85])
    late = [(u + 1, v + 1) for u, v, t in rows if t > val]
    pool = {u for u, _ in late}.union({v for _, v in late})
    present = {u for u, _, _ in rows} | {v for _, v, _ in rows}
    random.seed(2020)
    drawn = {n - 1 for n in random.sample(tuple(pool), int(0.1 * len(present)))}
    assert set(found.drawn.tolist()) == drawn
    train = [(u, v, t) for u, v, t in rows if t <= val and not {u, v} & drawn]
    assert list(zip(*(c.tolist() for c in (found.train.src, found.train.dst, found.train.t)))) == (
        train
    )
    seen = {u for u, _, _ in train} | {v for _, v, _ in train}
    assert [n for n in range(graph.num_nodes) if found.is_new[n]] == [
        n for n in range(graph.num_nodes) if n not in seen
    ]
    assert found.val.t.tolist() == [t for *_, t in rows if val < t <= test]
    assert found.test.t.tolist() == [t for *_, t in rows if t > test]
    assert drawn <= {n for n in range(graph.num_nodes) if found.is_new[n]}


def test_a_stream_that_is_too_small_is_refused() -> None:
    graph = a_stream(num_events=60, num_nodes=5)
    with pytest.raises(GraphError, match="a tenth of the nodes"):
        dyglib_split(graph)
    at_once = TemporalGraph(graph.src, graph.dst, torch.zeros(60, dtype=torch.long))
    with pytest.raises(GraphError, match="a period has no event"):
        dyglib_split(at_once)
