from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.errors import GraphError
from graphkit.nn.stream import EventColumns, StreamClock


def events(t, dtype=torch.int64):
    t = torch.tensor(t, dtype=dtype)
    return EventColumns.of(SimpleNamespace(src=torch.zeros_like(t), dst=torch.zeros_like(t), t=t))


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), max_size=6))
def test_numbers_go_on_and_late_events_are_refused(steps: list[list[int]]):
    clock, seen, latest = StreamClock(), 0, None
    for step in steps:
        batch = events([2**40 + t for t in step])
        if latest is not None and min(step) < latest:
            with pytest.raises(GraphError, match=r"'t'.*earlier than the latest.*reset_state"):
                clock.number(batch)
            continue
        assert clock.number(batch).tolist() == list(range(seen, seen + len(step)))
        assert clock.number(batch).tolist() == list(range(seen, seen + len(step)))  # pure
        clock.advance(batch)
        seen, latest = seen + len(step), max(step)
        assert clock.num_events == seen
        assert clock.now == 2**40 + latest


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_times_are_exact_and_may_be_negative(dtype: torch.dtype):
    clock = StreamClock(dtype)
    tick = 1 if dtype == torch.int64 else 2.0**-20
    for t in (-5, -4, 2**30, 2**30 + tick):
        clock.advance(events([t], dtype))
        assert clock.now == t
        assert clock.now.dtype == dtype
        with pytest.raises(GraphError, match="earlier"):
            clock.number(events([t - tick], dtype))
        other = StreamClock(dtype)
        other.load_state_dict(clock.to(torch.bfloat16).state_dict())
        assert (other.now, other.num_events) == (t, clock.num_events)
    clock.reset_state()
    assert clock.number(events([-9], dtype)).tolist() == [0]


def test_late_events_where_they_are_welcome():
    clock = StreamClock(accepts_late=True)
    clock.advance(events([7]))
    assert clock.number(events([3, 9])).tolist() == [1, 2]
    clock.advance(events([3]))
    assert clock.now == 7


def test_float_times_of_an_integer_stream():
    for clock in (StreamClock(), StreamClock(accepts_late=True)):
        with pytest.raises(GraphError, match="integer times"):
            clock.number(events([0.5], torch.float64))


def test_times_of_queries():
    clock, nodes = StreamClock(), torch.arange(3)
    assert clock.times(nodes).tolist() == [0, 0, 0]
    clock.advance(events([4]))
    assert clock.times(nodes).tolist() == [4, 4, 4]
    assert clock.times(nodes, 6).tolist() == [6, 6, 6]
    assert clock.times(nodes, torch.tensor([5, 6, 7])).tolist() == [5, 6, 7]
