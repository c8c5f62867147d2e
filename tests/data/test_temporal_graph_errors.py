"""Bad input to the container: every message names column, first bad row, what was expected, what
was found and the mend, wherever in the input the fault lies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphkit
from graphkit import GraphError, TemporalGraph
from graphkit.registry import get

NODES = 5
rows = st.integers(1, 30)


def good(n: int) -> dict[str, Any]:
    """Valid columns of ``n`` events."""
    return {
        "src": np.arange(n) % NODES,
        "dst": (np.arange(n) * 3 + 1) % NODES,
        "t": np.arange(n, dtype=np.float64) // 2,
        "edge_attr": np.ones((n, 2), dtype=np.float32),
        "edge_y": np.zeros(n, dtype=np.int64),
        "edge_weight": np.ones(n),
        "edge_type": np.zeros(n, dtype=np.int64),
        "num_nodes": NODES,
    }


def refused(columns: dict[str, Any], **more: Any) -> GraphError:
    with pytest.raises(GraphError) as error:
        TemporalGraph(**(columns | more))
    return error.value


def check(error: GraphError, column: str, row: int | None, got: str | None = None) -> None:
    """All that a message must hold."""
    message = str(error)
    assert isinstance(error, ValueError)
    assert error.column == column
    assert f"'{column}'" in message
    assert error.row == row
    if row is not None:
        assert f"row {row}" in message
    assert error.expected is not None
    assert str(error.expected) in message
    assert error.got is not None
    assert str(error.got) in message
    if got is not None:
        assert got in str(error.got)
    assert error.fix
    assert error.fix in message


def containers(value: np.ndarray, kind: str) -> Any:
    """The same column as another kind of object."""
    return {
        "numpy": lambda: value,
        "torch": lambda: torch.from_numpy(np.ascontiguousarray(value)),
        "list": lambda: value.tolist(),
        "pandas": lambda: pd.Series(list(value)),
    }[kind]()


kinds = st.sampled_from(["numpy", "torch", "list", "pandas"])


@given(rows, st.data(), st.sampled_from([math.nan, math.inf, -math.inf]), kinds, st.booleans())
def test_a_time_that_is_not_finite(
    n: int, data: st.DataObject, value: float, kind: str, sort: bool
) -> None:
    columns = good(n)
    bad = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3)))
    columns["t"][bad] = value
    columns["t"] = containers(columns["t"], kind)
    check(refused(columns, sort=sort), "t", bad[0], str(value))


@given(rows, st.data(), st.sampled_from(["src", "dst"]), kinds)
def test_a_negative_id(n: int, data: st.DataObject, column: str, kind: str) -> None:
    columns = good(n)
    bad = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3)))
    columns[column][bad] = -np.arange(1, len(bad) + 1)
    columns[column] = containers(columns[column], kind)
    check(refused(columns), column, bad[0], "-1")
    check(refused(columns, num_nodes=None), column, bad[0], "-1")


@given(rows, st.data(), st.sampled_from(["src", "dst"]), kinds)
def test_an_id_that_is_too_large(n: int, data: st.DataObject, column: str, kind: str) -> None:
    columns = good(n)
    row = data.draw(st.integers(0, n - 1))
    value = data.draw(st.sampled_from([NODES, NODES + 1, 2**31, 2**62]))
    columns[column][row] = value
    columns[column] = containers(columns[column], kind)
    check(refused(columns), column, row, str(value))
    if value < 2**31:
        columns["num_nodes"] = None
        assert TemporalGraph(**columns).num_nodes >= value + 1


@given(rows, st.data(), st.sampled_from(["src", "dst"]))
def test_an_id_that_is_no_integer(n: int, data: st.DataObject, column: str) -> None:
    row = data.draw(st.integers(0, n - 1))
    for value in (0.5, math.nan, math.inf, -math.inf, 1e30):
        columns = good(n)
        columns[column] = columns[column].astype(float)
        columns[column][row] = value
        error = refused(columns)
        assert (error.column, error.row) == (column, row)
        assert error.fix


@given(
    rows,
    st.data(),
    st.sampled_from(["dst", "t", "edge_attr", "edge_y", "edge_weight", "edge_type"]),
)
def test_columns_of_different_lengths(n: int, data: st.DataObject, column: str) -> None:
    columns = good(n)
    other = data.draw(st.integers(0, 2 * n).filter(lambda k: k != n))
    columns[column] = good(other)[column]
    check(refused(columns), column, None, str(other))


@pytest.mark.parametrize("column", ["x", "y", "node_type", "node_names"])
@pytest.mark.parametrize("length", [0, 4, 6])
def test_node_columns_of_another_length(column: str, length: int) -> None:
    error = refused(good(3), **{column: np.arange(length)})
    assert error.column == column
    assert str(length) in str(error.got)
    assert "5" in str(error.expected)
    assert error.fix


@given(rows.filter(lambda n: n > 1), st.data(), kinds, st.booleans())
def test_unsorted_times(n: int, data: st.DataObject, kind: str, whole: bool) -> None:
    columns = good(n)
    row = data.draw(st.integers(1, n - 1))
    columns["t"][row:] -= 100
    if whole:
        columns["t"] = columns["t"].astype(np.int64)
    before, after = columns["t"][row - 1], columns["t"][row]
    columns["t"] = containers(columns["t"], kind)
    error = refused(columns, sort=False)
    check(error, "t", row, str(after))
    assert str(before) in str(error.expected)
    assert "sort=True" in error.fix
    TemporalGraph(**columns)


TEXT = ["edge_attr", "edge_y", "edge_weight", "edge_type", "src", "dst", "t"]


@given(rows, st.data(), st.sampled_from(TEXT))
def test_text_where_numbers_belong(n: int, data: st.DataObject, column: str) -> None:
    columns = good(n)
    row = data.draw(st.integers(0, n - 1))
    values = [1] * n
    values[row] = "red"
    columns[column] = np.array(values, dtype=object)
    error = refused(columns)
    check(error, column, row, "red")


@pytest.mark.parametrize("column", TEXT)
@pytest.mark.parametrize(
    "values",
    [["a", "b"], [None, 1], [{}, {}], [[1], [1, 2]], [1 + 2j, 0], [b"x", b"y"]],
    ids=["text", "none", "dicts", "ragged", "complex", "bytes"],
)
def test_what_is_no_number_at_all(column: str, values: list) -> None:
    columns = good(2)
    for value in (values, _object_array(values)):
        error = refused(columns | {column: value})
        assert error.column == column


def _object_array(values: list) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@given(rows, st.data(), st.sampled_from(["edge_attr", "edge_y", "edge_weight"]))
def test_nan_in_features(n: int, data: st.DataObject, column: str) -> None:
    columns = good(n)
    row = data.draw(st.integers(0, n - 1))
    value = columns[column].astype(float)
    value.reshape(n, -1)[row, -1] = math.nan
    check(refused(columns | {column: value}), column, row, "nan")
    feature = np.zeros((NODES, 3))
    feature[2, 1] = math.nan
    for name in ("x", "y"):
        check(refused(columns, **{name: feature}), name, 2, "nan")


@pytest.mark.parametrize("values", [[], np.zeros(0), torch.zeros(0), pd.Series([], dtype=float)])
def test_an_empty_graph(values: Any) -> None:
    error = refused({"src": values, "dst": values, "t": values})
    assert "the graph is empty" in str(error)
    assert "at least one event" in str(error.expected)


@given(rows, st.data())
def test_node_events(n: int, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, n - 1))
    node, t = np.arange(n) % NODES, np.arange(n, dtype=float)

    def error(**changed: Any) -> GraphError:
        events = {"node": node, "t": t, "x": np.ones((n, 2))} | changed
        return refused(good(2), node_events=events, sort=False)

    def with_row(column: np.ndarray, value: float) -> np.ndarray:
        column = column.copy()
        column[row] = value
        return column

    check(error(node=with_row(node, -1)), "node_events.node", row, "-1")
    check(error(node=with_row(node, NODES)), "node_events.node", row, str(NODES))
    check(error(t=with_row(t, math.nan)), "node_events.t", row, "nan")
    check(error(t=t[1:]), "node_events.t", None, str(n - 1))
    check(error(x=np.ones((n + 1, 2))), "node_events.x", None, str(n + 1))
    check(error(y=with_row(t, math.nan)), "node_events.y", row, "nan")
    if n > 1:
        late = max(row, 1)
        unsorted = t.copy()
        unsorted[late:] -= 1000
        assert (error(t=unsorted).column, error(t=unsorted).row) == ("node_events.t", late)


@pytest.mark.parametrize(
    ("options", "column"),
    [
        ({"signal": np.zeros(5)}, "signal"),
        ({"signal": np.zeros((4, 3, 1))}, "signal"),
        ({"signal": np.zeros((4, 5, 1)), "signal_t": [0, 1, 2]}, "signal_t"),
        ({"signal": np.zeros((4, 5, 1)), "signal_t": [0, 1, 1, 2]}, "signal_t"),
        ({"signal": np.zeros((4, 5, 1)), "signal_t": [0, 1, math.nan, 2]}, "signal_t"),
        ({"signal": np.zeros((4, 5, 1)), "signal_mask": np.ones((4, 5, 2))}, "signal_mask"),
        ({"signal": [["a"] * 5]}, "signal"),
        ({"signal_t": [0, 1]}, "signal"),
    ],
)
def test_signals(options: dict, column: str) -> None:
    error = refused(good(2), **options)
    assert error.column == column
    assert f"'{column}'" in str(error)


@pytest.mark.parametrize("count", [0, -1, 2.5, True, "five", math.nan, math.inf])
def test_a_number_of_nodes_that_is_none(count: Any) -> None:
    assert refused(good(2), num_nodes=count).column == "num_nodes"


@pytest.mark.parametrize("unit", ["parsec", "month", "M", 3, ""])
def test_a_time_unit_that_is_none(unit: Any) -> None:
    error = refused(good(2), time_unit=unit)
    assert error.column == "time_unit"
    assert "one of ns, us" in str(error)


@given(st.lists(st.integers(0, NODES - 1), min_size=2, max_size=6).filter(
    lambda nodes: len(set(nodes)) < len(nodes)))  # fmt: skip
def test_a_node_held_out_twice(nodes: list[int]) -> None:
    g = TemporalGraph(**good(20))
    with pytest.raises(GraphError) as error:
        g.hold_out_nodes(nodes=torch.tensor(nodes))
    assert error.value.column == "hold_out"
    row = error.value.row
    assert nodes[row] in nodes[:row]  # the second mention of some node
    assert str(nodes[row]) in str(error.value.got)
    assert error.value.fix


def test_unknown_names_come_with_the_closest() -> None:
    with pytest.raises(GraphError, match=r"there is no model named 'edgebonk'.*'edgebank'"):
        get("model", "edgebonk")
    with pytest.raises(GraphError, match=r"there is no dataset named .*'collegemsg'"):
        graphkit.load("colegemsg")


def test_a_failed_build_changes_no_input() -> None:
    columns = good(6)
    columns["t"][3] = -50.0
    columns["src"][5] = 99
    kept = {k: v.copy() for k, v in columns.items() if isinstance(v, np.ndarray)}
    refused(columns)
    for name, value in kept.items():
        np.testing.assert_array_equal(columns[name], value)
