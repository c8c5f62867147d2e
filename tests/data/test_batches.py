"""Batches against cutting plain lists by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import EventBatch, GraphError, TemporalGraph

int_times = st.lists(st.integers(-(2**40), 2**40) | st.integers(-20, 20), min_size=1, max_size=60)
float_times = st.lists(
    st.integers(-40, 40).map(lambda k: k / 4) | st.floats(-1e9, 1e9), min_size=1, max_size=60
)


def build(times: list) -> TemporalGraph:
    rows = np.arange(len(times))
    return TemporalGraph(
        rows % 5,
        rows % 3 + 5,
        times,
        edge_attr=rows[:, None] * 2.0,
        edge_y=rows * 3,
        edge_weight=rows * 0.5,
        edge_type=rows % 4,
    )


def as_rows(batch: EventBatch | TemporalGraph) -> list[tuple]:
    columns = ["src", "dst", "t", "event_id", "edge_attr", "edge_y", "edge_weight", "edge_type"]
    return list(zip(*(getattr(batch, name).tolist() for name in columns)))


def cut_by_duration(rows: list[tuple], span: float) -> list[list[tuple]]:
    """Groups of rows by interval, counted from the first; the obvious way."""
    groups: dict[int, list[tuple]] = {}
    for row in rows:
        groups.setdefault((row[2] - rows[0][2]) // span, []).append(row)
    return [groups[key] for key in sorted(groups)]


@given(int_times, st.integers(1, 70))
def test_by_size(times: list[int], size: int) -> None:
    g = build(times)
    rows = as_rows(g)
    batches = g.batches(size=size)
    assert [as_rows(b) for b in batches] == [rows[i : i + size] for i in range(0, len(rows), size)]
    assert len(batches) == math.ceil(len(times) / size)
    assert [len(b) for b in batches] == [len(b) for b in g.batches(size)]
    assert as_rows(batches[-1]) == as_rows(batches[len(batches) - 1])


@given(int_times, st.integers(1, 2**41) | st.integers(1, 30))
def test_by_duration(times: list[int], span: int) -> None:
    g = build(times)
    expected = cut_by_duration(as_rows(g), span)
    batches = g.batches(every=span)
    assert [as_rows(b) for b in batches] == expected
    assert len(batches) == len(expected)
    assert all(len(b) > 0 for b in batches)


@given(float_times, st.sampled_from([0.25, 0.5, 1.0, 3.0, 1e8]))
def test_by_duration_of_float_times(times: list[float], span: float) -> None:
    g = build(times)
    assert [as_rows(b) for b in g.batches(every=span)] == cut_by_duration(as_rows(g), span)


@given(int_times, st.integers(0, 60), st.integers(0, 60), st.integers(1, 9))
def test_of_a_slice(times: list[int], a: int, b: int, size: int) -> None:
    part = build(times)[a:b]
    rows = as_rows(part)
    assert [r for batch in part.batches(size=size) for r in as_rows(batch)] == rows
    if rows:
        assert [as_rows(x) for x in part.batches(every=size)] == cut_by_duration(rows, size)


def test_units() -> None:
    g = TemporalGraph([0] * 5, [1] * 5, [0, 3599, 3600, 10_800, 86_400], time_unit="s")
    assert [b.t.tolist() for b in g.batches(every="1h")] == [[0, 3599], [3600], [10_800], [86_400]]
    assert [len(b) for b in g.batches(every="1d")] == [4, 1]
    steps = TemporalGraph([0] * 3, [1] * 3, [5, 6, 9], time_unit="step")
    assert [b.t.tolist() for b in steps.batches(every=2)] == [[5, 6], [9]]
    with pytest.raises(GraphError, match="only orders events"):
        steps.batches(every="1h")


def test_views_share_storage_and_iterate_again() -> None:
    g = build(list(range(10)))
    batches = g.batches(size=3)
    for name in ("src", "dst", "t", "event_id", "edge_attr", "edge_y", "edge_weight", "edge_type"):
        column, part = getattr(g, name), getattr(batches[1], name)
        assert part.data_ptr() == column.data_ptr() + 3 * column.stride(0) * column.element_size()
    assert [len(b) for b in batches] == [len(b) for b in batches] == [3, 3, 3, 1]


def test_absent_columns_are_none() -> None:
    batch = TemporalGraph([0], [1], [2]).batches(size=4)[0]
    assert (batch.edge_attr, batch.edge_y, batch.edge_weight, batch.edge_type) == (None,) * 4
    assert (batch.src.tolist(), batch.dst.tolist(), batch.t.tolist()) == ([0], [1], [2])


def test_empty_slice_yields_nothing() -> None:
    empty = build([1, 2, 3])[3:]
    assert list(empty.batches(size=2)) == []
    assert list(empty.batches(every=5)) == []
    assert len(empty.batches(size=2)) == len(empty.batches(every=5)) == 0
    with pytest.raises(IndexError, match="batch 0 of 0"):
        empty.batches(size=2)[0]


def test_index() -> None:
    batches = build(list(range(5))).batches(size=2)
    assert batches[-1].event_id.tolist() == [4]
    assert batches[np.int64(1)].event_id.tolist() == [2, 3]
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"batch {index} of 3"):
            batches[index]
    with pytest.raises(TypeError, match="slice"):
        batches[0:2]


def test_a_huge_span_is_one_batch() -> None:
    g = build([-(2**61), 0, 2**61])
    for span in (2**63 - 1, 2**70, "1e40s"):
        assert [len(b) for b in g.batches(every=span)] == [3]
    with pytest.raises(GraphError, match="coarser time unit"):  # no silent overflow
        build([-(2**62) - 1, 2**62]).batches(every=1)


@pytest.mark.parametrize("size", [0, -1, 1.5, "200", "abc", True, float("nan"), [1], (), 1j])
def test_bad_size(size: object) -> None:
    with pytest.raises(GraphError, match="'size': not a batch size; expected an integer > 0"):
        build([1, 2]).batches(size=size)


def test_size_may_be_any_whole_number() -> None:
    for size in (2, np.int32(2), 2.0, torch.tensor(2)):
        assert [len(b) for b in build([1, 2, 3]).batches(size=size)] == [2, 1]


def test_size_or_every() -> None:
    g = build([1, 2])
    with pytest.raises(GraphError, match="exactly one of size= and every=; got neither"):
        g.batches()
    with pytest.raises(GraphError, match="exactly one of size= and every=; got both"):
        g.batches(size=1, every=1)
    with pytest.raises(GraphError, match="not a whole number"):
        g.batches(every=0.5)  # integer clock


def test_event_batch_rows_and_device() -> None:
    batch = build([1, 2, 3, 4]).batches(size=4)[0]
    assert batch[1:3].event_id.tolist() == [1, 2]
    assert batch[torch.tensor([3, 0])].edge_y.tolist() == [9, 0]
    assert as_rows(batch.to("cpu")) == as_rows(batch)
    assert repr(batch) == "EventBatch(4 events, t=1..4)"
    assert repr(batch[:0]) == "EventBatch(0 events)"
    with pytest.raises(AttributeError):
        batch.src = batch.dst


def test_event_batch_on_cuda(cuda: torch.device) -> None:
    g = build([4, 2, 9, 1])
    moved = g.to(cuda).batches(size=3)[0]
    assert moved.src.device == cuda
    assert as_rows(moved) == as_rows(g.batches(size=3)[0].to(cuda)) == as_rows(g)[:3]
    assert [as_rows(b) for b in g.to(cuda).batches(every=2)] == [
        as_rows(b) for b in g.batches(every=2)
    ]
