"""Grouping against a dict of lists, also where one key would not fit in int64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError
from graphkit.data.coalesce import column_reductions, group_events, reduce_groups

rows = st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=30)


def groups_of(rows: list[tuple]) -> dict[tuple, list[int]]:
    groups: dict[tuple, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row, []).append(i)
    return dict(sorted(groups.items()))


def columns_of(rows: list[tuple], sizes: tuple) -> list:
    parts = zip(*rows) if rows else ([], [], [])
    return [(torch.tensor(p, dtype=torch.int64), n) for p, n in zip(parts, sizes)]


@given(
    rows,
    st.sampled_from(
        [(4, 4, 4), (4, 5, 2**40), (2**62, 4, 4), (2**62, 2**62, 2**62), (2**31, 2**31, 4)]
    ),
    st.booleans(),
)
def test_order_and_groups(rows: list[tuple], sizes: tuple, reuse: bool) -> None:
    columns = columns_of(rows, sizes)
    kept = [c.clone() for c, _ in columns]
    got = group_events(columns, reuse=reuse)
    want = groups_of(rows)
    assert got.order.tolist() == [i for group in want.values() for i in group]
    assert got.sizes().tolist() == [len(group) for group in want.values()]
    for i, (column, _) in enumerate(columns):
        if i > 0 or not reuse:
            assert torch.equal(column, kept[i])
            got.value(column, out=(out := torch.empty(len(want), dtype=torch.int64)))
            assert out.tolist() == [key[i] for key in want]


@given(rows, st.integers(0, 30), st.sampled_from([(4, 4, 4), (2**62, 4, 4)]))
def test_before_is_grouping_the_first_events(rows: list[tuple], stop: int, sizes: tuple) -> None:
    columns = columns_of(rows, sizes)
    got = group_events(columns).before(stop)
    want = groups_of(rows[:stop])
    assert got.order.tolist() == [i for group in want.values() for i in group]
    assert got.sizes().tolist() == [len(group) for group in want.values()]
    for i, (column, _) in enumerate(columns):
        got.value(column, out=(out := torch.empty(len(want), dtype=torch.int64)))
        assert out.tolist() == [key[i] for key in want]


def test_large_values_survive_in_every_column() -> None:
    top = 2**62 - 1
    columns = [(torch.tensor([top, 0, top]), 2**62), (torch.tensor([top, top, top]), 2**62)]
    got = group_events(columns)
    assert got.order.tolist() == [1, 0, 2]
    assert got.sizes().tolist() == [1, 2]


@pytest.mark.parametrize("how", ["sum", "mean", "last", "count"])
@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int8,
        torch.bool,
    ],
)
@pytest.mark.parametrize("distinct", [True, False])
def test_reductions(how: str, dtype: torch.dtype, distinct: bool) -> None:
    keys = torch.arange(40).flip(0) if distinct else torch.randint(7, (40,))
    values = torch.randint(0, 9, (40, 2)).to(dtype)
    groups = group_events([(keys, 40)])
    got = reduce_groups(values, groups, how)
    want = []
    for key in sorted(set(keys.tolist())):
        members = [values[i].tolist() for i in range(40) if keys[i] == key]
        total = [sum(column) for column in zip(*members)]
        want.append(
            {
                "sum": total,
                "mean": [v / len(members) for v in total],
                "last": members[-1],
                "count": len(members),
            }[how]
        )
    expected = {
        "sum": dtype if dtype.is_floating_point else torch.int64,
        "mean": dtype if dtype.is_floating_point else torch.float32,
        "last": dtype,
        "count": torch.float32,
    }[how]
    assert got.dtype == expected
    torch.testing.assert_close(got, torch.tensor(want, dtype=expected))


def test_without_a_column_every_event_weighs_one() -> None:
    groups = group_events([(torch.tensor([1, 0, 1, 1]), 2)])
    assert reduce_groups(None, groups, "sum").tolist() == [1, 3]
    assert reduce_groups(None, groups, "count").tolist() == [1, 3]
    assert reduce_groups(None, groups, "mean").tolist() == [1, 1]
    assert reduce_groups(None, groups, "last").tolist() == [1, 1]


def test_which_column_is_reduced_how() -> None:
    assert column_reductions("mean") == {
        "edge_weight": "mean",
        "edge_attr": "mean",
        "edge_y": "last",
    }
    assert column_reductions({"edge_y": "sum"})["edge_y"] == "sum"


@pytest.mark.parametrize("wrong", ["median", {"edge_attr": "max"}, {"x": "sum"}, 3, None])
def test_unknown_reductions_are_refused(wrong: Any) -> None:
    with pytest.raises(GraphError, match="sum, mean, last, count"):
        column_reductions(wrong)
