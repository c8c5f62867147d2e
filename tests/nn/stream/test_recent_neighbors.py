from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream import RecentNeighbors, RecordsAhead, event_records


class Naive:
    """Lists per node."""

    def __init__(self, size: int):
        self.size = size
        self.events = defaultdict(list)

    def insert(self, src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> None:
        rows = zip(t.tolist(), event_id.tolist(), src.tolist(), dst.tolist())
        for time, event, u, v in sorted(rows):
            self.events[u].append((v, time, event))
            if u != v:
                self.events[v].append((u, time, event))

    def __call__(self, node: int) -> list[tuple[int, float, int]]:
        return self.events[node][-self.size :]


def rows_of(ring: RecentNeighbors, node: int) -> list[tuple[int, float, int]]:
    recent = ring(torch.tensor([node]))
    mask = recent.mask[0]
    assert recent.node[0][~mask].eq(-1).all()
    assert recent.event_id[0][~mask].eq(-1).all()
    assert recent.time[0][~mask].eq(0).all()
    return list(
        zip(
            recent.node[0][mask].tolist(),
            recent.time[0][mask].tolist(),
            recent.event_id[0][mask].tolist(),
        )
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
@pytest.mark.parametrize(("num_nodes", "size"), [(5, 4), (5, 1), (12, 4), (300, 7)])
def test_equals_lists_for_many_events_of_one_node_in_a_batch(num_nodes, size, dtype):
    draw = torch.Generator().manual_seed(num_nodes + size)
    ring, naive = RecentNeighbors(num_nodes, size, dtype), Naive(size)
    now, event = 2**40, 0
    wrong = 0
    for _ in range(200):
        src = torch.randint(num_nodes, (60,), generator=draw)
        dst = torch.randint(num_nodes, (60,), generator=draw)
        t = (now + torch.randint(0, 3, (60,), generator=draw).cumsum(0)).to(dtype)
        event_id = torch.arange(event, event + 60)
        order = torch.randperm(60, generator=draw)
        ring.insert(src[order], dst[order], t[order], event_id[order])
        naive.insert(src, dst, t, event_id)
        now, event = int(t[-1]), event + 60
        wrong += sum(rows_of(ring, node) != naive(node) for node in range(min(num_nodes, 12)))
    assert wrong == 0


def test_most_recent_last_padded_on_the_left():
    ring = RecentNeighbors(6, 3)
    ring.insert(*(torch.tensor(v) for v in ([0, 0], [4, 5], [10, 11], [0, 1])))
    recent = ring(torch.tensor([0, 3, 5]))
    assert recent.node.tolist() == [[-1, 4, 5], [-1, -1, -1], [-1, -1, 0]]
    assert recent.time.tolist() == [[0, 10, 11], [0, 0, 0], [0, 0, 11]]
    assert recent.event_id.tolist() == [[-1, 0, 1], [-1, -1, -1], [-1, -1, 1]]
    assert recent.mask.tolist() == [[False, True, True], [False] * 3, [False, False, True]]


def test_reset_state_and_state_dict():
    ring = RecentNeighbors(4, 2)
    fresh = {k: v.clone() for k, v in ring.state_dict().items()}
    ring.insert(*(torch.tensor(v) for v in ([0, 0, 1], [1, 2, 3], [1, 2, 3], [0, 1, 2])))
    other = RecentNeighbors(4, 2)
    other.load_state_dict(ring.state_dict())
    assert rows_of(other, 0) == rows_of(ring, 0) == [(1, 1, 0), (2, 2, 1)]
    ring.reset_state()
    assert all(torch.equal(fresh[k], v) for k, v in ring.state_dict().items())


def test_size_and_repr():
    with pytest.raises(GraphError, match="at least one neighbour"):
        RecentNeighbors(4, 0)
    assert str(RecentNeighbors(4, 2)) == "RecentNeighbors(4, size=2)"


def test_direction_is_kept_for_those_who_ask():
    ring = RecentNeighbors(4, 3, keep_direction=True)
    src, dst = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 0, 2])
    ring.insert(src, dst, torch.arange(4), torch.arange(4))
    assert ring(torch.tensor([0])).sent.tolist() == [[True, False, False]]
    assert ring(torch.tensor([2])).sent.tolist() == [[False, True, True]]  # a loop is sent
    assert ring(torch.tensor([3])).sent.tolist() == [[False] * 3]
    assert RecentNeighbors(4, 3)(torch.tensor([0])).sent is None
    ring.reset_state()
    assert not ring.sent.any()


@pytest.mark.parametrize("size", [1, 3, 8])
def test_records_ahead_are_seen_as_if_they_were_written(size):
    draw = torch.Generator().manual_seed(size)
    ends = torch.randint(6, (2, 50), generator=draw)
    t = torch.randint(3, (50,), generator=draw).cumsum(0)
    event_id = torch.arange(50)
    ring = RecentNeighbors(6, size, keep_direction=True)
    ring.insert(*ends[:, :30], t[:30], event_id[:30])
    records = event_records(*ends[:, 30:], t[30:], event_id[30:])
    nodes = torch.arange(6)
    first = torch.searchsorted(records.owner, nodes)
    for visible in (0, 1, 2, 20):
        num = torch.tensor([min(visible, int((records.owner == n).sum())) for n in nodes])
        found = ring(nodes, RecordsAhead(records, first, num))
        for node in range(6):
            own = (records.owner == node).nonzero().flatten()[:visible]
            events = records.event_id[own] - 30
            other = RecentNeighbors(6, size, keep_direction=True)
            other.load_state_dict(ring.state_dict())
            other.insert(*ends[:, 30:][:, events], t[30:][events], event_id[30:][events])
            for got, want in zip(found, other(nodes[node : node + 1])):
                assert torch.equal(got[node], want[0])
