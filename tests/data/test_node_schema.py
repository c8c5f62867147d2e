"""Tables of nodes read by the schema of a graph."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.data.node_schema import NodeSchema

GRAPH = TemporalGraph(
    [0], [1], [0], x=torch.tensor([[1.0, 2.0], [3.0, 4.0]]), y=[1, 0], node_type=[0, 1],
    node_names=["a", "b"], column_names={"x": ["p", "q"], "y": "kind"},
    class_names={"y": ["lo", "hi"]},
)  # fmt: skip
NODES = pd.DataFrame({"q": [6, 8], "kind": ["hi", "lo"], "p": [5, 7], "z": 0}, index=["c", "a"])


def schema() -> NodeSchema:
    known = NodeSchema.of(GRAPH)
    assert NodeSchema.from_json(json.loads(json.dumps(known.to_json()))) == known
    return known


def test_by_name_from_the_index_or_a_column() -> None:
    got = schema().read(NODES, need=("x", "y"))
    assert got.labels == ["c", "a"]
    assert got.columns["x"].tolist() == [[5, 6], [7, 8]]
    assert got.columns["x"].dtype == torch.float32
    assert got.columns["y"].tolist() == [1, 0]
    assert got.ignored == ("z",)
    again = schema().read(NODES.reset_index(names="who"), label="who")
    assert again.labels == ["c", "a"]
    assert again.ignored == ("kind", "z")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (NODES.drop(columns="q"), "'q': there is no such column"),
        (NODES.assign(p=[1, np.nan]), "'p', row 1: a value is missing"),
        (NODES.assign(kind=["hi", "?"]), "'kind', row 1: there is no such class"),
        (NODES.set_axis(["c", "c"]), "row 1: two rows have one label"),
        (NODES.set_axis(["c", None]), "row 1: a node is missing"),
        ("nodes", "not a DataFrame"),
    ],
)
def test_what_is_refused(table: object, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        schema().read(table, need=("x", "y"))


def test_columns_that_the_graph_has_not() -> None:
    with pytest.raises(GraphError, match="'y': the graph has no such column"):
        NodeSchema.of(TemporalGraph([0], [1], [0], x=[1, 2])).read(NODES, need=("y",))
