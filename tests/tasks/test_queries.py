"""QueryStream: batches, candidates, shares; the same wherever one starts."""

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.tasks import queries
from graphkit.tasks.queries import QueryStream


class Counting:
    """Negatives that tell which event they were drawn for."""

    def __init__(self):
        self.calls = 0

    def sample(self, batch, num):
        self.calls += 1
        return batch.event_id.unsqueeze(1) * 1000 + torch.arange(num)


@pytest.fixture
def graph():
    generator = torch.Generator().manual_seed(0)
    src, dst = torch.randint(0, 20, (2, 103), generator=generator)
    t = torch.arange(103)
    return TemporalGraph(src, dst, t, edge_attr=torch.rand(103, 2), num_nodes=20)


def test_batches_of_all_events(graph):
    part = graph[10:]
    stream = QueryStream(part, [(Counting(), 2), (Counting(), 1)], 25)
    found = list(stream)
    assert len(stream) == len(found) == 4
    assert (stream.num_events, stream.num_queries) == (93, 93)
    assert [len(q) for q in found] == [25, 25, 25, 18]
    assert [q.first for q in found] == [0, 25, 50, 75]
    assert torch.equal(torch.cat([q.src for q in found]), part.src)
    assert torch.equal(torch.cat([q.t for q in found]), part.t)
    dst = torch.cat([q.dst for q in found])
    ids = torch.arange(10, 103)
    expected = torch.stack([part.dst, ids * 1000, ids * 1000 + 1, ids * 1000], dim=1)
    assert torch.equal(dst, expected)
    for q in found:
        assert torch.equal(q.events.src, q.src)
        assert torch.equal(q.events.edge_attr, graph.edge_attr[q.events.event_id])


def test_only_some_events_are_asked(graph):
    asked = torch.arange(103) % 3 == 0
    asked[50:75] = False  # a batch without any query
    stream = QueryStream(graph, [(Counting(), 1)], 25, asked)
    found = list(stream)
    assert stream.num_queries == int(asked.sum()) == sum(map(len, found))
    assert [len(q.events) for q in found] == [25, 25, 25, 25, 3]
    assert len(found[2]) == 0
    assert torch.equal(torch.cat([q.src for q in found]), graph.src[asked])
    assert torch.equal(torch.cat([q.dst for q in found])[:, 1], graph.event_id[asked] * 1000)
    assert torch.equal(torch.cat([q.events.src for q in found]), graph.src)
    first = 0
    for q in found:
        assert q.first == first
        first += len(q)


@pytest.mark.parametrize("cells", [1, 60, 200, 10**6])
@pytest.mark.parametrize("some", [False, True])
def test_the_same_from_any_batch_and_for_any_amount_drawn_at_once(graph, monkeypatch, cells, some):
    asked = torch.arange(103) % 4 != 1 if some else None
    expected = [
        (q.src, q.dst, q.t, q.first) for q in QueryStream(graph, [(Counting(), 1)], 10, asked)
    ]
    monkeypatch.setattr(queries, "_CELLS", cells)
    sampler = Counting()
    stream = QueryStream(graph, [(sampler, 1)], 10, asked)
    for begin in (0, 1, 5, 10, 11):
        found = list(stream.start(begin))
        assert len(found) == 11 - begin
        for q, (src, dst, t, first) in zip(found, expected[begin:]):
            assert torch.equal(q.src, src)
            assert torch.equal(q.dst, dst)
            assert torch.equal(q.t, t)
            assert q.first == first


def test_negatives_are_drawn_for_many_batches_at_once(graph):
    sampler = Counting()
    assert len(list(QueryStream(graph, [(sampler, 1)], 5))) == 21
    assert sampler.calls == 1


def test_batches_are_views(graph):
    q = next(iter(QueryStream(graph, [(Counting(), 1)], 10)))
    assert q.src.data_ptr() == graph.src.data_ptr()
    assert q.events.t.data_ptr() == graph.t.data_ptr()


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_shares_are_contiguous_and_complete(graph, world):
    q = list(QueryStream(graph, [(Counting(), 2)], 7))[-1]
    assert len(q) == 5
    parts = [q.shard(rank, world) for rank in range(world)]
    assert torch.equal(torch.cat([p.dst for p in parts]), q.dst)
    assert torch.equal(torch.cat([p.src for p in parts]), q.src)
    assert [p.first for p in parts] == [98 + 5 * r // world for r in range(world)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(len(p.events) == 5 for p in parts)
