from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch

from graphkit.errors import UnknownNameError
from graphkit.nn.stream import EventColumns, EventHistory, event_records


def a_stream(num_events=60, num_nodes=5, dtype=torch.int64):
    draw = torch.Generator().manual_seed(num_events)
    src, dst = torch.randint(num_nodes, (2, num_events), generator=draw)
    t = torch.randint(3, (num_events,), generator=draw).cumsum(0).to(dtype) + 2**40
    return src, dst, t, torch.arange(num_events)


def part(stream, start, stop):
    """Events in a table of their own: ids have gaps and begin anew."""
    src, dst, t, number = (c[start:stop] for c in stream)
    return SimpleNamespace(src=src, dst=dst, t=t, event_id=(number - start) * 2 + 5)


def write(history, batch):
    history.write(EventColumns.of(batch))


def naive(stream, stop, node, size):
    """(neighbour, time, id, sent) of the latest events of a node among the first ``stop``."""
    found = []
    for u, v, t, e in list(zip(*(c.tolist() for c in stream)))[:stop]:
        if node in (u, v):
            found.append((v if u == node else u, t, e, u == node))
    return found[-size:]


def rows_of(rows, query):
    r = int(rows.row_of[query])
    mask = rows.recent.mask[r]
    columns = (rows.recent.node, rows.recent.time, rows.recent.event_id, rows.recent.sent)
    return list(zip(*(c[r][mask].tolist() for c in columns))), rows.age[r][mask].tolist()


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
@pytest.mark.parametrize("clock", ["events", "time"])
def test_equals_lists(clock, dtype):
    stream = a_stream(dtype=dtype)
    history = EventHistory(6, 4, clock, dtype)
    for start in range(0, 60, 20):
        nodes = torch.arange(6).repeat(2)
        t = torch.full((12,), stream[2][start].item(), dtype=dtype)
        t[:6] += 7
        rows = history(nodes, t)
        assert rows.node.numel() == (6 if clock == "events" else 12)
        for query, node in enumerate(nodes.tolist()):
            events, ages = rows_of(rows, query)
            assert events == naive(stream, start, node, 4)
            if clock == "time":
                assert ages == [t[query].item() - when for _, when, _, _ in events]
            else:
                assert ages == [start - e for _, _, e, _ in events]
        write(history, part(stream, start, start + 20))
    history.reset_state()
    state = history.state_dict()
    assert state.pop("recent.node_count") == 6
    assert not any(bool(buffer.any()) for buffer in state.values())


@pytest.mark.parametrize("clock", ["events", "time"])
def test_earlier_events_are_seen_strictly_before_the_query_as_if_they_were_written(clock):
    stream = a_stream()
    history = EventHistory(6, 3, clock)
    write(history, part(stream, 0, 25))
    batch = part(stream, 25, 60)
    order = torch.randperm(35, generator=torch.Generator().manual_seed(0))
    shuffled = SimpleNamespace(**{k: v[order] for k, v in vars(batch).items()})
    nodes = torch.arange(6).repeat_interleave(35)
    t = batch.t.repeat(6)
    rows = history(nodes, t, EventColumns.of(shuffled))
    for when in batch.t.unique():
        upto = copy.deepcopy(history)
        stop = 25 + int((batch.t < when).sum())
        if stop > 25:
            write(upto, part(stream, 25, stop))
        alone = upto(torch.arange(6), when.expand(6))
        for query in (t == when).nonzero().flatten().tolist():
            assert rows_of(rows, query) == rows_of(alone, int(nodes[query]))


def test_a_later_event_changes_nothing():
    stream = a_stream()
    history = EventHistory(5, 3)
    batch = part(stream, 0, 30)
    now = batch.t[10].item()
    query = (torch.arange(5), torch.full((5,), now))
    want = history(*query, EventColumns.of(batch))
    late = batch.t >= now
    batch.src = torch.where(late, batch.src.flip(0), batch.src)
    batch.t = torch.where(late, batch.t + 99, batch.t)
    got = history(*query, EventColumns.of(batch))
    assert torch.equal(got.age, want.age)
    assert all(torch.equal(a, b) for a, b in zip(got.recent, want.recent))


def test_a_wrong_clock():
    with pytest.raises(UnknownNameError, match="events"):
        EventHistory(3, 2, "seconds")


def test_a_batch_is_grouped_once_and_again_when_it_changes():
    batch = part(a_stream(), 0, 20)
    history = EventHistory(6, 4)
    order = torch.randperm(20)
    shuffled = SimpleNamespace(**{k: v[order] for k, v in vars(batch).items()})
    for given in (batch, shuffled):
        first = history.records(EventColumns.of(given))
        assert history.records(EventColumns.of(given)) is first
        for a, b in zip(first, event_records(batch.src, batch.dst, batch.t, torch.arange(20))):
            assert torch.equal(a, b)
    batch.src[0] = (batch.src[0] + 1) % 5
    changed = history.records(EventColumns.of(batch))
    assert changed.owner.tolist() != first.owner.tolist()
    history.stream_clock.num_events += 7  # another state: the numbers are no longer right
    assert torch.equal(history.records(EventColumns.of(batch)).event_id, changed.event_id + 7)
    history.write(EventColumns.of(batch))
    assert len(history._grouped) == 0  # nothing is kept between batches


@pytest.mark.parametrize("column", ["src", "dst", "t"])
def test_a_write_that_torch_does_not_see_groups_a_batch_anew(column):
    batch = part(a_stream(), 0, 20)
    history = EventHistory(6, 4)
    history.records(EventColumns.of(batch))
    values = getattr(batch, column).numpy()
    values[-1] = values[-1] + 1 if column == "t" else (values[-1] + 1) % 5
    want = event_records(batch.src, batch.dst, batch.t, torch.arange(20))
    for a, b in zip(history.records(EventColumns.of(batch)), want):
        assert torch.equal(a, b)


def test_some_rows():
    stream = a_stream()
    history = EventHistory(6, 4)
    write(history, part(stream, 0, 40))
    rows = history(torch.arange(6), torch.full((6,), int(stream[2][39]) + 1))
    some = rows.select(torch.tensor([4, 1]))
    assert some.node.tolist() == [4, 1]
    for query, node in enumerate((4, 1)):
        assert rows_of(some, query) == rows_of(rows, node)
