"""The container against plain lists: order, slices, what slices share, and what cannot change."""

from __future__ import annotations

import bisect
import copy
import importlib
import inspect
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from graphkit import GraphError, NodeEvents, TemporalGraph, TimeUnit

EVENT_COLUMNS = ["src", "dst", "t", "edge_attr", "edge_y", "edge_weight", "edge_type"]
ties = st.lists(st.integers(-3, 3), min_size=1, max_size=40)
wide = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=40)
exact_floats = st.lists(st.floats(-1e300, 1e300, allow_nan=False), min_size=1, max_size=40)
streams = ties | wide | exact_floats


def build(times: list, **more: Any) -> TemporalGraph:
    """A graph whose every column tells the input row of its event."""
    rows = np.arange(len(times))
    return TemporalGraph(
        rows,
        rows[::-1],
        times,
        edge_attr=np.stack([rows, -rows], axis=1) * 1.5,
        edge_y=rows * 2,
        edge_weight=rows / 4,
        edge_type=rows % 3,
        **more,
    )


def rows_of(g: TemporalGraph) -> list[tuple]:
    return list(zip(*(getattr(g, name).tolist() for name in EVENT_COLUMNS)))


def expected_rows(times: list) -> list[tuple]:
    """The rows of ``build(times)`` by Python's sort, which is stable."""
    last = len(times) - 1
    order = sorted(range(len(times)), key=lambda i: times[i])
    return [(i, last - i, times[i], [1.5 * i, -1.5 * i], 2 * i, i / 4, i % 3) for i in order]


def is_view(part: torch.Tensor, whole: torch.Tensor, offset: int) -> bool:
    return part.data_ptr() == whole.data_ptr() + offset * whole.stride(0) * whole.element_size()


# -------------------------------------------------------------------- building
@given(streams)
def test_sorted_by_time_and_ties_keep_their_order(times: list) -> None:
    g = build(times)
    assert rows_of(g) == expected_rows(times)
    assert g.event_id.tolist() == list(range(len(times)))
    assert len(g) == g.num_events == len(times)
    assert g.num_nodes == len(times)
    assert (g.t_min, g.t_max) == (min(times), max(times))


def test_dtypes_are_exact() -> None:
    g = TemporalGraph([0, 1], [1, 0], [2**62 + 1, 2**62])
    assert (g.src.dtype, g.dst.dtype, g.t.dtype, g.event_id.dtype) == (torch.int64,) * 4
    assert g.t.tolist() == [2**62, 2**62 + 1]  # float64 would make them equal
    assert TemporalGraph([0, 1], [1, 0], [0.1, 0.2]).t.dtype == torch.float64
    assert TemporalGraph(
        [0], [1], [5], edge_type=np.array([2], dtype=np.uint8)
    ).edge_type.dtype == (torch.int64)


def test_features_keep_dtype_and_shape() -> None:
    x = torch.arange(6, dtype=torch.float16).view(3, 2)
    g = TemporalGraph([0, 1], [1, 2], [2, 1], x=x, y=[True, False, True], node_type=[0, 0, 1])
    assert g.x.dtype == torch.float16
    assert g.x.tolist() == x.tolist()
    assert g.y.tolist() == [True, False, True]
    assert g.node_type.tolist() == [0, 0, 1]
    assert g.num_nodes == 3


IDS = [0, 2, 1]


@pytest.mark.parametrize(
    "ids",
    [
        IDS,
        tuple(IDS),
        iter(IDS),
        (i for i in IDS),
        [np.int64(0), np.uint8(2), np.int32(1)],
        [torch.tensor(i) for i in IDS],
        np.array(IDS, dtype=np.uint64),
        np.array(IDS, dtype=np.uint16),
        np.array(IDS, dtype=">i4"),
        np.array(IDS, dtype=object),
        np.array([1, 2, 0])[::-1],
        np.array([0.0, 2.0, 1.0]),
        np.array([0.0, 2.0, 1.0], dtype=np.float32),
        np.ma.array(IDS),
        torch.tensor(IDS, dtype=torch.int32),
        torch.tensor(IDS, dtype=torch.uint32),
        torch.tensor([IDS, IDS]).T[:, 0],
        pd.Series(IDS, index=[7, 8, 9]),
        pd.Series(IDS, dtype="Int64"),
        pd.Series(IDS, dtype=object),
        pd.Index(IDS),
        pd.Series(IDS).to_frame().values[:, 0],
    ],
    ids=lambda ids: f"{type(ids).__name__}-{getattr(ids, 'dtype', '')}",
)
def test_ids_of_any_origin(ids: Any) -> None:
    g = TemporalGraph(ids, [1, 1, 1], [1, 2, 3])
    assert g.src.tolist() == IDS
    assert g.src.dtype == torch.int64


@pytest.mark.parametrize(
    "times, dtype",
    [
        (np.array([1, 2, 3], dtype=">i8"), torch.int64),
        (np.array([1, 2, 3], dtype=np.uint64), torch.int64),
        (np.array([1, 2, 3], dtype=">f8"), torch.float64),
        (np.array([1, 2, 3], dtype=np.float32), torch.float64),
        (np.array([1, 2, 3], dtype=np.longdouble), torch.float64),
        (np.array([1, 2.0, 3], dtype=object), torch.float64),
        (range(1, 4), torch.int64),
        (pd.Series([1, 2, 3]), torch.int64),
    ],
)
def test_times_of_any_origin(times: Any, dtype: torch.dtype) -> None:
    g = TemporalGraph([0, 0, 0], [1, 1, 1], times)
    assert g.t.tolist() == [1, 2, 3]
    assert g.t.dtype == dtype


@pytest.mark.parametrize(
    "column, value, row, words",
    [
        ("src", [0, None, 2], 1, "missing"),
        ("src", [0, math.nan, 2], 1, "not an integer"),
        ("src", pd.Series([0, 1, None], dtype="Int64"), 2, "not an integer|missing"),
        ("src", pd.Series([0, 1, pd.NA], dtype=object), 2, "missing"),
        ("src", [0, 0.5, 2], 1, "not an integer"),
        ("src", [0, math.inf, 2], 1, "exactly"),
        ("src", np.array([0, 1, 2**24], dtype=np.float32), 2, "float32 does not hold"),
        ("src", [True, False, True], None, "truth values"),
        ("src", [[0, 1, 2], [1, 2, 0]], None, "edge_index"),
        ("src", 5, None, "one column"),
        ("src", None, None, "NoneType. Pass a list"),
        ("src", {0, 1, 2}, None, "got set. Pass a list"),
        ("src", "012", None, "not numbers"),
        ("src", ["a", "b", "c"], 0, "'a'"),
        ("src", [0, 1, "c"], 2, "'c'"),
        ("src", pd.Series(["a", "b", "c"], dtype="category"), 0, "from_pandas"),
        ("src", np.ma.array([0, 1, 2], mask=[False, True, False]), 1, "masked"),
        ("src", [0, 2**64, 1], 1, "does not fit in int64"),
        ("src", [0, -1, 1], 1, "negative"),
        ("t", np.array([1, 2, 2**63], dtype=np.uint64), 2, "does not fit in int64"),
        ("t", torch.tensor([1, 2, 2**63], dtype=torch.uint64), 2, "does not fit in int64"),
        ("t", np.array([1.5e9] * 3, dtype=np.float32), 0, "cannot tell such times apart"),
        ("t", [1, 2, math.inf], 2, "not finite"),
        ("t", pd.to_datetime(["2020-01-01"] * 3), None, "datetime64.*dates.*from_pandas"),
        ("edge_attr", [[1], [2, 3], [4]], None, "do not form an array"),
        ("edge_attr", pd.DataFrame({"a": [1, 2, 3], "b": [1, "x", 2]}), 1, "'x'"),
        ("edge_attr", [[1, 2], [3, math.nan], [5, 6]], 1, "NaN"),
        ("edge_attr", torch.eye(3).to_sparse(), None, "to_dense"),
        ("edge_attr", torch.zeros(3, dtype=torch.complex64), None, "complex"),
        ("edge_weight", [[1.0], [2.0], [3.0]], None, "one column.*edge_attr"),
        ("edge_type", [0, 0.5, 1], 1, "not an integer"),
        ("edge_type", [[0], [1], [2]], None, "one column"),
        ("x", 4, None, "num_nodes=3"),
        ("x", [[1], [2]], None, "'src', row 2: .*below num_nodes=2.*'x' says how many nodes"),
        ("node_names", ["a", "b", "a"], 2, "used twice, first in row 0"),
        ("node_names", "abc", None, "one column"),
        ("node_names", [["a"], "b", "c"], 0, "not hashable"),
        ("num_nodes", "abc", None, "an integer > 0"),
        ("num_nodes", math.nan, None, "an integer > 0"),
        ("num_nodes", 2, None, "Raise num_nodes"),
    ],
)
def test_clumsy_input_is_refused_with_a_mend(
    column: str, value: Any, row: int | None, words: str
) -> None:
    columns = {"src": [0, 1, 2], "dst": [1, 2, 0], "t": [1, 2, 3], column: value}
    with pytest.raises(GraphError, match=words) as caught:
        TemporalGraph(**columns)
    if column not in ("x", "num_nodes"):
        assert (caught.value.column, caught.value.row) == (column, row)


def test_unknown_column_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="edge_atr"):
        TemporalGraph([0], [1], [2], edge_atr=[3])


def test_names() -> None:
    names = ["a", 7, ("b", 1)]
    g = TemporalGraph([0, 1], [1, 2], [1, 2], node_names=names)
    assert g.node_names.tolist() == names  # numpy alone would make them strings
    assert TemporalGraph([0], [1], [1], node_names=[("a", 1), ("b", 1)]).node_names.tolist() == [
        ("a", 1),
        ("b", 1),
    ]
    with pytest.raises(ValueError, match="read-only"):
        g.node_names[0] = "z"
    assert TemporalGraph([0], [1], [1], node_names=(c for c in "ab")).node_names.tolist() == [
        "a",
        "b",
    ]


def test_read_only_and_mapped_arrays(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    fixed = np.arange(3)
    fixed.flags.writeable = False
    path = tmp_path / "column.npy"
    np.save(path, np.arange(12.0).reshape(3, 4))
    mapped = np.load(path, mmap_mode="r")
    g = TemporalGraph(fixed, fixed, fixed, edge_attr=mapped)
    assert g.edge_attr.tolist() == mapped.tolist()
    assert g.edge_attr.data_ptr() == mapped.__array_interface__["data"][0]  # not read into memory
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["tensor", "array", "series"])
def test_ids_and_times_are_not_the_callers_memory(kind: str) -> None:
    wrap = {"tensor": torch.from_numpy, "array": lambda a: a, "series": pd.Series}[kind]
    raw = [np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([1, 2, 3])]
    g = TemporalGraph(*(wrap(a) for a in raw))
    for array in raw:
        array[:] = 99
    assert (g.src.tolist(), g.dst.tolist(), g.t.tolist()) == ([0, 1, 2], [1, 2, 0], [1, 2, 3])


# -------------------------------------------------------------------- slices
@given(streams, st.integers(-45, 45) | st.none(), st.integers(-45, 45) | st.none())
def test_slice_by_position(times: list, a: int | None, b: int | None) -> None:
    g = build(times)
    part = g[a:b]
    expected = expected_rows(times)[a:b]
    assert rows_of(part) == expected
    assert part.event_id.tolist() == list(range(len(times)))[a:b]
    assert (part.num_nodes, part.time_unit, part.tables) == (g.num_nodes, g.time_unit, g.tables)
    if expected:
        first = expected_rows(times).index(expected[0])
        for name in [*EVENT_COLUMNS, "event_id"]:
            assert is_view(getattr(part, name), getattr(g, name), first)
        assert (part.t_min, part.t_max) == (expected[0][2], expected[-1][2])
    else:
        assert part.t_min is part.t_max is None


@given(streams, st.data())
def test_slice_of_a_slice(times: list, data: st.DataObject) -> None:
    part, expected = build(times), expected_rows(times)
    for _ in range(3):
        a, b = data.draw(st.integers(-9, 40)), data.draw(st.integers(-9, 40))
        part, expected = part[a:b], expected[a:b]
    assert rows_of(part) == expected


bounds = (
    st.none()
    | st.integers(-4, 4)
    | st.floats(-4, 4)
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)  # infinities too
)


@given(streams, bounds, bounds)
def test_between_is_half_open_and_exact(times: list, start: Any, end: Any) -> None:
    part = build(times).between(start, end)
    # Python compares ints with floats exactly.
    assert rows_of(part) == [
        row
        for row in expected_rows(times)
        if (start is None or row[2] >= start) and (end is None or row[2] < end)
    ]


@given(streams, st.data())
def test_between_at_the_very_times(times: list, data: st.DataObject) -> None:
    start, end = data.draw(st.sampled_from(times)), data.draw(st.sampled_from(times))
    ordered = sorted(times)
    part = build(times).between(start, end)
    low, high = bisect.bisect_left(ordered, start), bisect.bisect_left(ordered, end)
    assert part.t.tolist() == ordered[low:high]
    assert part.event_range == (low, max(low, high))


def test_between_beyond_the_precision_of_floats() -> None:
    big = 2**53
    g = TemporalGraph([0] * 4, [1] * 4, [big - 1, big, big + 1, big + 2])
    assert g.between(big + 1).t.tolist() == [big + 1, big + 2]
    assert g.between(None, big + 1).t.tolist() == [big - 1, big]
    floats = TemporalGraph([0] * 3, [1] * 3, [float(big), float(big + 2), 1e300])
    assert floats.between(big + 1).t.tolist() == [big + 2, 1e300]  # float(2**53 + 1) is 2**53
    assert len(floats.between(10**400)) == 0
    assert len(floats.between(-(10**400), 10**400)) == 3
    late = TemporalGraph([0] * 2, [1] * 2, [2**31 + 1, 2**33])
    assert late.between(2**31 + 1, 2**33).t.tolist() == [2**31 + 1]
    edge = TemporalGraph([0] * 2, [1] * 2, [-(2**63), 2**63 - 1])
    assert edge.between(-math.inf, math.inf).t.tolist() == [-(2**63), 2**63 - 1]
    assert edge.between(2**63 - 1, 2**63).t.tolist() == [2**63 - 1]
    assert len(edge.between(float(2**63))) == 0


def test_between_takes_numbers_of_any_origin_and_nothing_else() -> None:
    g = TemporalGraph([0] * 3, [1] * 3, [1, 2, 3])
    for two in (2, 2.0, np.int32(2), np.float32(2), np.array(2), torch.tensor(2), 1.5):
        assert g.between(two).t.tolist() == [2, 3]
    for bad in ("2", pd.Timestamp(0), True, [2], torch.tensor([1, 2]), 1j):
        with pytest.raises(GraphError, match="'start': not a time"):
            g.between(bad)
    with pytest.raises(GraphError, match="'end': a bound is NaN"):
        g.between(None, math.nan)
    assert len(g.between(3, 1)) == 0


@pytest.mark.parametrize("index", [0, -1, slice(None, None, 2), [0, 1], torch.tensor([True] * 3)])
def test_other_indices_are_refused(index: Any) -> None:
    g = TemporalGraph([0] * 3, [1] * 3, [1, 2, 3])
    with pytest.raises(GraphError, match="filter_events"):
        g[index]


class NoWork(TorchDispatchMode):
    """Fails if an operation allocates more than a few elements; views allocate nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in known:
            assert out.numel() <= 8, f"{func} made {out.numel()} elements"
        return out


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_slices_do_no_work_in_the_number_of_events(dtype: torch.dtype) -> None:
    count = 100_000
    t = torch.arange(count, dtype=dtype)
    g = TemporalGraph(
        torch.arange(count) % 50,
        torch.arange(count) % 70,
        t,
        edge_attr=torch.ones(count, 2),
        node_events={"node": torch.arange(count) % 50, "t": t, "x": t},
        signal=torch.zeros(count, 70, 1),
        signal_t=t,
    )
    with NoWork():
        part = g.between(10, 90_000.5)[5:]
        split = part.split(val=0.2, test=0.2)
        batches = split.train.batches(size=200)
        first = batches[0]
    assert first.t.tolist() == list(range(15, 215))
    assert is_view(first.edge_attr, g.edge_attr, 15)
    assert is_view(split.test.t, g.t, int(split.test.t[0]))
    assert is_view(split.val.signal, g.signal, int(split.val.signal_t[0]))
    assert is_view(split.val.node_events.x, g.node_events.x, int(split.val.node_events.t[0]))
    with pytest.raises(AssertionError, match="made 100000 elements"), NoWork():
        _ = g.t + 1  # the watchman watches


# -------------------------------------------------------------------- filters, tables
@given(streams, st.data())
def test_filter_keeps_event_ids_that_index_the_tables(times: list, data: st.DataObject) -> None:
    g = build(times)
    mask = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    a = data.draw(st.integers(0, len(times)))
    expected = [(i, r) for i, r in enumerate(expected_rows(times)) if i >= a and mask[i]]
    for part in (
        g[a:].filter_events(torch.tensor(mask, dtype=torch.bool)[a:]),
        g.filter_events(np.array(mask, dtype=bool))[sum(mask[:a]) :],
    ):
        assert rows_of(part) == [row for _, row in expected]
        assert part.event_id.tolist() == [i for i, _ in expected]
        for name in ("edge_attr", "edge_y", "edge_weight", "edge_type"):
            table = getattr(part.tables, name)
            assert torch.equal(table[part.event_id], getattr(part, name))
            assert table.data_ptr() == getattr(g, name).data_ptr()
        half = part[len(part) // 2 :]
        assert torch.equal(half.tables.edge_y[half.event_id], half.edge_y)
        assert part.between(0).event_id.tolist() == [i for i, r in expected if r[2] >= 0]


def test_filter_twice_and_cache() -> None:
    g = build([3, 1, 2, 2])
    once = g.filter_events(g.t >= 2)
    twice = once.filter_events(once.src != 3)
    assert (twice.event_id.tolist(), twice.src.tolist()) == ([1, 3], [2, 0])
    assert once.columns.cache is not g.columns.cache
    assert g[1:].columns is g.columns


@pytest.mark.parametrize("mask", [[0, 1], [1, 0, 1, 0], [True], torch.ones(4), "abcd", None])
def test_filter_refuses_what_is_no_mask(mask: Any) -> None:
    with pytest.raises(GraphError, match="'mask'"):
        build([1, 2, 3, 4]).filter_events(mask)


# -------------------------------------------------------------------- node events and signals
node_streams = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), min_size=1, max_size=20)


@given(node_streams, st.integers(-6, 6), st.integers(-6, 6))
def test_node_events_are_sorted_and_sliced_by_time(rows: list, start: int, end: int) -> None:
    node, times = [r[0] for r in rows], [r[1] for r in rows]
    number = np.arange(len(rows))
    g = TemporalGraph(
        [0, 1, 2],
        [1, 2, 4],
        [-5, 0, 5],
        node_events={"node": node, "t": times, "x": number[:, None], "y": number},
    )
    order = sorted(range(len(rows)), key=lambda i: times[i])
    whole = g.node_events
    assert whole.node.tolist() == [node[i] for i in order]
    assert whole.y.tolist() == order
    kept = [i for i in order if start <= times[i] < end]
    part = g.between(start, end).node_events
    assert (part.t.tolist(), part.y.tolist()) == ([times[i] for i in kept], kept)
    assert part.x.tolist() == [[i] for i in kept]
    assert len(part) == len(kept)
    assert len(g[:1].node_events) == len(rows)  # by position: node data stay whole
    deeper = g.between(start, None).between(None, end).node_events
    assert deeper.y.tolist() == kept


def test_node_events_from_the_class_and_alone() -> None:
    events = NodeEvents(torch.tensor([1, 0]), torch.tensor([5, 3]))
    g = TemporalGraph([], [], [], node_events=events)
    assert (g.node_events.node.tolist(), g.node_events.t.tolist()) == ([0, 1], [3, 5])
    assert g.node_events.x is None
    assert (len(g), g.num_nodes, g.t_min) == (0, 2, None)
    with pytest.raises(GraphError, match="not sorted"):
        TemporalGraph([], [], [], node_events=events, sort=False)
    with pytest.raises(GraphError, match=r"'node_events\.node', row 0: a node id is too large"):
        TemporalGraph([], [], [], node_events=events, num_nodes=1)
    with pytest.raises(GraphError, match=r"wrong keys.*got \['node', 'time'\]"):
        TemporalGraph([], [], [], node_events={"node": [0], "time": [1]})
    assert events != events[0:2]  # identity, not a comparison of tensors


@pytest.mark.parametrize("times", [[10, 20, 30, 40], [0.5, 1.5, 2.5, 3.5]])
def test_signal_is_sliced_with_the_events(times: list) -> None:
    signal = torch.arange(24.0).view(4, 3, 2)
    g = TemporalGraph([0, 1, 2], [1, 2, 0], times[1:], signal=signal, signal_t=times)
    part = g.between(times[1], times[3])
    assert part.signal_t.tolist() == times[1:3]
    assert part.signal.tolist() == signal[1:3].tolist()
    assert is_view(part.signal, g.signal, 1)
    assert part.t.tolist() == times[1:3]
    assert g[:1].signal.shape == (4, 3, 2)


def test_a_static_graph_with_a_signal_keeps_its_events() -> None:
    g = TemporalGraph([0, 1, 2], [1, 2, 0], [0, 0, 0], signal=np.arange(30.0).reshape(10, 3))
    assert g.is_static
    assert g.signal.shape == (10, 3, 1)
    part = g.between(4, 7)
    assert part.src.tolist() == [0, 1, 2]
    assert part.signal_t.tolist() == [4, 5, 6]
    split = g.split(val=0.2, test=0.2)
    assert [s.signal_t.tolist() for s in split] == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]
    assert [len(s) for s in split] == [3, 3, 3]
    # Without a signal the one time counts, as for any stream.
    assert len(TemporalGraph([0, 1], [1, 2], [5, 5]).between(6)) == 0


def test_missing_readings_become_a_mask() -> None:
    signal = np.array([[1.0, math.nan], [3.0, 4.0]])
    g = TemporalGraph([0], [1], [0], signal=signal)
    assert g.signal[..., 0].tolist() == [[1, 0], [3, 4]]
    assert g.signal_mask[..., 0].tolist() == [[True, False], [True, True]]
    both = TemporalGraph([0], [1], [0], signal=signal, signal_mask=[[1, 1], [0, 1]])
    assert both.signal_mask[..., 0].tolist() == [[True, False], [False, True]]
    assert both.signal.isfinite().all()
    assert TemporalGraph([0], [1], [0], signal=[[1, 2]]).signal_mask is None
    assert both.between(1).signal_mask[..., 0].tolist() == [[False, True]]
    assert np.isnan(signal[0, 1])  # what was passed is as it was


# -------------------------------------------------------------------- immutability, copies
def test_nothing_can_be_set_or_deleted() -> None:
    g = build([1, 2, 3])
    for name in ("src", "t", "num_nodes", "_columns", "anything"):
        with pytest.raises(AttributeError, match="cannot be changed"):
            setattr(g, name, None)
        with pytest.raises(AttributeError, match="cannot be changed"):
            delattr(g, name)
    with pytest.raises(AttributeError):
        g.columns.src = g.dst
    with pytest.raises(AttributeError):
        g.tables.edge_attr = None


def assert_same(one: TemporalGraph, two: TemporalGraph) -> None:
    assert rows_of(one) == rows_of(two)
    assert one.event_id.tolist() == two.event_id.tolist()
    assert (one.num_nodes, one.time_unit, one.name) == (two.num_nodes, two.time_unit, two.name)
    for name in ("x", "signal", "signal_t", "signal_mask", "t"):
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None)
        assert a is None or (a.dtype == b.dtype and torch.equal(a, b))
    assert one.node_events.y.tolist() == two.node_events.y.tolist()
    assert one.node_names.tolist() == two.node_names.tolist()


def full() -> TemporalGraph:
    return build(
        [4, 2, 9, 2],
        x=np.arange(4.0),
        node_events={"node": [3, 1], "t": [5, 1], "y": [0, 1]},
        signal=np.arange(12.0).reshape(3, 4),
        signal_t=[1, 2, 6],
        node_names=list("abcd"),
        time_unit="h",
        name="little",
    )


@pytest.mark.parametrize(
    "duplicate", [lambda g: pickle.loads(pickle.dumps(g)), copy.deepcopy, copy.copy]
)
def test_pickle_and_copy(duplicate: Any) -> None:
    g = full()
    g.columns.cache["derived"] = object()
    for part in (g, g[1:3], g.between(2, 6), g.filter_events(g.src != 1)):
        twin = duplicate(part)
        assert_same(twin, part)
        assert twin.event_range == part.event_range
        assert twin.columns.cache == {}
        assert twin.time_unit == TimeUnit("h")
    twin = duplicate(g)
    assert twin.tables.edge_attr is twin.columns.edge_attr  # one storage stays one


def test_to_the_same_device_is_the_graph_itself() -> None:
    g = full()
    assert g.to("cpu") is g
    assert g.to(torch.device("cpu")) is g
    assert g.device == torch.device("cpu")


def test_to_meta_moves_every_tensor() -> None:
    moved = full().to("meta")
    assert moved.device.type == "meta"
    for column in (moved.edge_attr, moved.x, moved.signal, moved.node_events.t, moved.event_id):
        assert column.is_meta
    assert moved.tables.edge_attr is moved.columns.edge_attr
    assert moved.node_names.tolist() == list("abcd")


def test_to_cuda(cuda: torch.device) -> None:
    g = full()
    moved = g.to("cuda")
    assert moved.to("cuda") is moved
    assert moved.to(cuda) is moved
    assert moved.tables.edge_attr is moved.columns.edge_attr
    assert_same(moved, g)
    assert_same(moved.between(2, 6).to("cpu"), g.between(2, 6))
    assert_same(moved[1:3].filter_events([True, False]), g[1:3].filter_events([True, False]))
    assert_same(pickle.loads(pickle.dumps(moved)), g)
    assert [rows_of(s) for s in moved.split(0.25, 0.25)] == [
        rows_of(s) for s in g.split(0.25, 0.25)
    ]
    one, two = (h.hold_out_nodes(0.25, after=0) for h in (moved, g))
    assert one.nodes.tolist() == two.nodes.tolist()
    assert rows_of(one.seen) == rows_of(two.seen)
    assert g.pin_memory().src.is_pinned()


def test_build_on_cuda(cuda: torch.device) -> None:
    ids, t = torch.tensor([0, 1, 2], device=cuda), torch.tensor([3, 1, 2], device=cuda)
    g = TemporalGraph(ids, ids.flip(0), t, edge_attr=t)
    assert {c.device for c in (g.src, g.t, g.event_id, g.edge_attr)} == {cuda}
    assert (g.src.tolist(), g.edge_attr.tolist()) == ([1, 2, 0], [1, 2, 3])
    with pytest.raises(GraphError, match="'t': the columns are on different devices"):
        TemporalGraph(ids, ids, t.cpu())


def test_facts() -> None:
    g = build([1, 1], time_unit="ms", name="two")
    assert (g.name, str(g.time_unit), g.is_static) == ("two", "ms", True)
    assert not build([1, 2]).is_static
    assert build([1, 2])[:1].is_static is False  # a slice of a stream is a stream
    assert g.node_events is g.signal is g.x is g.node_names is None


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("snapshots", "graphkit.data.snapshots.snapshots"),
        ("windows", "graphkit.data.windows.windows"),
        ("static", "graphkit.data.static.static"),
        ("from_pandas", "graphkit.data.convert.pandas.from_pandas"),
        ("to_pandas", "graphkit.data.convert.pandas.to_pandas"),
        ("from_csv", "graphkit.data.convert.csv.from_csv"),
        ("to_csv", "graphkit.data.convert.csv.to_csv"),
        ("from_pyg", "graphkit.data.convert.pyg.from_pyg"),
        ("to_pyg", "graphkit.data.convert.pyg.to_pyg"),
        ("from_networkx", "graphkit.data.convert.networkx.from_networkx"),
        ("to_networkx", "graphkit.data.convert.networkx.to_networkx"),
        ("from_dgl", "graphkit.data.convert.dgl.from_dgl"),
        ("to_dgl", "graphkit.data.convert.dgl.to_dgl"),
        ("save", "graphkit.data.storage.save"),
        ("open", "graphkit.data.storage.open_graph"),
        ("concat", "graphkit.data.concat.concat"),
        ("append", "graphkit.data.concat.append"),
        ("split", "graphkit.data.splits.split_by_time"),
        ("hold_out_nodes", "graphkit.data.splits.hold_out_nodes"),
    ],
)
def test_methods_spell_out_the_arguments_of_their_functions(method: str, function: str) -> None:
    def facts(parameter: inspect.Parameter) -> tuple:
        return parameter.name, parameter.kind, parameter.default

    module, _, name = function.rpartition(".")
    behind = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    mine = inspect.signature(getattr(TemporalGraph, method)).parameters.values()
    given = [facts(p) for p in behind if p.name != "graph" or p.annotation != "TemporalGraph"]
    assert [facts(p) for p in mine if p.name != "self"] == given
    kinds = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    assert not kinds & {p.kind for p in mine}


def test_columns_of_the_constructor_can_be_passed_to_every_from() -> None:
    own = set(inspect.signature(TemporalGraph).parameters) - {"src", "dst", "t"}
    for method, lacks in (
        ("from_pandas", set()),
        ("from_csv", set()),
        ("from_pyg", set()),
        ("from_dgl", set()),
        ("from_networkx", {"num_nodes", "node_names"}),
    ):
        taken = set(inspect.signature(getattr(TemporalGraph, method)).parameters)
        assert own - taken == lacks, method
