"""Labels to ids: exact, typed, growing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph
from graphkit.data.label_values import label_values
from graphkit.data.labels import Labels

kinds = st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3) | st.floats(-9, 9) | st.just("7")


@given(
    st.lists(kinds, unique=True, min_size=1, max_size=8),
    st.lists(st.lists(st.tuples(kinds, kinds), max_size=5), max_size=3),
    st.booleans(),
)
def test_growth_against_a_dict(known: list, tables: list, bipartite: bool) -> None:
    names = np.empty(len(known), dtype=object)
    names[:] = known
    space = [i % 2 == 1 for i in range(len(known))] if bipartite else None
    labels = Labels(names, space)
    places: dict[Any, int] = {}
    for node, label in enumerate(known):
        places[bipartite and node % 2, label] = node
    for rows in tables:
        ends = [[row[0] for row in rows], [row[1] for row in rows]]
        src, dst = labels.match(ends, ["src", "dst"], admit=True)
        for row, (a, b) in enumerate(rows):
            assert src[row] == places.setdefault((False, a), len(places))
            assert dst[row] == places.setdefault((bipartite, b), len(places))
    assert len(labels) == len(places)
    again = Labels.from_json(json.loads(json.dumps(labels.to_json())))
    for (side, label), node in places.items():
        assert again.label(node) == label
        assert again.ids([label], side=int(side)).tolist() == [node]
    if bipartite:
        assert labels.space.tolist() == [bool(side) for side, _ in places]


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (pd.Series([2**53, 2**53 + 1]), [2**53, 2**53 + 1]),
        (pd.Series([2**63, 2**64 - 1], dtype="uint64"), [2**63, 2**64 - 1]),
        (pd.Series([1, 2], dtype="uint64"), [1, 2]),
        ([-1, 2**63], [-1, 2**63]),
        (pd.Series([2**53 + 1, 3], dtype="Int64"), [2**53 + 1, 3]),
        (pd.Series([1.0, 2.0]), [1, 2]),
        (pd.Series([1.5, 2.0]), [1.5, 2.0]),
        (["a", 1], ["a", 1]),
        (["1", 1], ["1", 1]),
        (pd.Categorical(["b", "a", "b"]), ["b", "a", "b"]),
        (pd.Series(["x\0", "x"]), ["x\0", "x"]),
        ([np.int64(3), np.str_("a")], [3, "a"]),
        (torch.tensor([3, 4]), [3, 4]),
        ([(1, "a"), (2, "b")], [(1, "a"), (2, "b")]),
    ],
)
def test_values_keep_value_and_type(values: Any, want: list) -> None:
    got = label_values(values, "src").tolist()
    assert got == want
    assert [type(v) for v in got] == [type(v) for v in want]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.Series([1.0, 2.0**53]), "row 1: a float does not hold ids of this size exactly"),
        (["a", 2.0**60], "row 1: a float does not hold"),
        ([1.5, float("inf")], "row 1: a label is not finite"),
        ([True, False], "row 0: truth values are not labels"),
        ([1, True], "row 1: truth values are not labels"),
        (["a", None], "row 1: a node is missing"),
        (["a", float("nan")], "row 1: a node is missing"),
        (["a", ["b"]], "row 1: a label is not hashable"),
    ],
)
def test_values_that_are_no_labels(values: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        label_values(values, "src")


@pytest.mark.parametrize(
    ("names", "label", "words"),
    [
        (["anna", "bob"], "ana", "Did you mean 'anna'"),
        (["anna", "bob"], " Anna", "Did you mean 'anna'"),
        ([1, 2], "1", "Text here, but the label 1 is a number"),
        (["1", "2"], 1, "A number here, but the label '1' is text"),
        (["a"], "zzz", "expected one of 1 names; got 'zzz'"),
    ],
)
def test_an_unknown_label_comes_with_the_closest(names: list, label: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        Labels(np.array(names)).ids([names[0], label])


def test_ids_are_labels_where_there_are_no_names() -> None:
    labels = Labels.of(TemporalGraph([0], [4], [0]))
    assert labels.names is None
    assert labels.ids([4, 0]).tolist() == [4, 0]
    for wrong in (5, -1, "4", 0.5):
        with pytest.raises(GraphError, match="row 1: not the id of a node"):
            labels.ids([0, wrong])
    assert labels.ids([7, 0], admit=True).tolist() == [7, 0]
    assert len(labels) == 8
    two = Labels(space=[False, True])
    assert [v.tolist() for v in two.match([[0, 2], [1, 3]], ["u", "v"], admit=True)] == [
        [0, 2],
        [1, 3],
    ]
    assert two.space.tolist() == [False, True, False, True]
    with pytest.raises(GraphError, match="'v', row 0: not the id of a destination"):
        two.match([[0], [2]], ["u", "v"])
    with pytest.raises(GraphError, match="leaves a gap"):
        two.match([[5], [1]], ["u", "v"], admit=True)
    with pytest.raises(GraphError, match="a name is used twice"):
        Labels(["a", "a"])
    assert Labels(["a", "a"], [False, True]).ids(["a"], side=1).tolist() == [1]


def test_an_id_far_beyond_the_known_ones_is_refused() -> None:
    """A column of something else would ask for the memory of so many nodes."""
    labels = Labels(num_nodes=30)
    with pytest.raises(GraphError, match=r"'dst', row 1.*from 0 to 10000029; got 1000000000000"):
        labels.ids([3, 10**12], "dst", admit=True)
    assert len(labels) == 30
    assert labels.ids([31], admit=True).tolist() == [31]
    assert len(labels) == 32
