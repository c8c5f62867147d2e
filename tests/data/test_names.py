"""Names of columns and classes, and the facts about the clock, are checked."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.data.names import as_time_zone


def graph(**more: Any) -> TemporalGraph:
    return TemporalGraph(**({"src": [0, 1], "dst": [1, 0], "t": [1, 2]} | more))


def test_what_is_kept() -> None:
    g = graph(
        edge_attr=torch.zeros(2, 3), y=[1, -1], node_events={"node": [0], "t": [0], "x": [[1, 2]]},
        column_names={"src": "a", "t": ["when"], "edge_attr": ["p", "q", 7], "x": ("u", "v")},
        class_names={"y": ["lo", "hi"]},
    )  # fmt: skip
    assert g.column_names == {"src": ("a",), "t": ("when",), "edge_attr": ("p", "q", "7"),
                              "x": ("u", "v")}  # fmt: skip
    assert g.class_names == {"y": ("lo", "hi")}
    with pytest.raises(TypeError):
        g.column_names["src"] = ("b",)
    assert graph().column_names == graph().class_names == {}
    assert graph(time_zone="UTC").dates


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"column_names": {"edge": "a"}}, "there is no column 'edge'"),
        ({"column_names": {"x": "a"}}, r"column_names\['x'\]': the graph has no such column"),
        ({"column_names": {"src": ["a", "b"]}}, "expected 1 names"),
        ({"column_names": {"edge_attr": "a"}, "edge_attr": torch.zeros(2, 2)}, "expected 2 names"),
        ({"column_names": {"edge_attr": ["a", "a"]}, "edge_attr": torch.zeros(2, 2)}, "twice"),
        ({"column_names": ["a"]}, "'column_names': not understood"),
        ({"class_names": {"edge_attr": ["a"]}}, "'edge_attr' is no column of labels"),
        ({"class_names": {"y": ["a"]}}, "the graph has no such column"),
        ({"class_names": {"y": ["a"]}, "y": [0, 1]}, "row 1: a label has no name"),
        ({"class_names": {"y": ["a"]}, "y": [-2, 0]}, "row 0: a label has no name"),
        ({"class_names": {"y": ["a", "a"]}, "y": [0, 1]}, "a name occurs twice"),
        ({"class_names": {"y": "ab"}, "y": [0, 1]}, "not a sequence of names"),
        ({"class_names": {"y": [None, "b"]}, "y": [0, 1]}, "not the name of a class"),
        ({"class_names": {"y": ["a", "b"]}, "y": [0.0, 1.0]}, "one class per row"),
        ({"class_names": {"edge_y": ["a", "b"]}, "edge_y": [[0], [1]]}, "one class per row"),
        ({"dates": True, "time_unit": "step"}, "such times are no dates"),
        ({"time_zone": "UTC", "t": [0.5, 1.5]}, "such times are no dates"),
        ({"time_zone": "Europe/Atlantis"}, "there is no such time zone"),
        ({"node_space": [True, False]}, "'src', row 0: a node is in the other space"),
        ({"node_space": [0, 1]}, "'node_space': not truth values"),
        ({"node_space": [True]}, "'src', row 1: a node id is too large"),
        ({"node_space": [False, True], "num_nodes": 3}, "'node_space': the number of rows"),
        ({"node_names": ["a", "a"]}, "'node_names', row 1: a name is used twice"),
    ],
)
def test_what_is_refused(more: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        graph(**more)


def test_names_of_zones() -> None:
    assert as_time_zone(zoneinfo.ZoneInfo("Asia/Tokyo")) == "Asia/Tokyo"
    assert as_time_zone(datetime.timezone.utc) == "UTC"
    hour = datetime.timezone(datetime.timedelta(hours=1))
    assert as_time_zone(hour) == "UTC+01:00"
    assert as_time_zone("UTC+01:00") == "UTC+01:00"
    assert as_time_zone(datetime.timezone(datetime.timedelta(hours=1), "my own")) == "UTC"


def test_labels_of_two_spaces_may_coincide() -> None:
    g = TemporalGraph([0], [1], [0], node_names=["a", "a"], node_space=[False, True])
    assert g.num_src_nodes == 1
    assert graph().num_src_nodes is None


def test_names_of_nodes_keep_value_and_type() -> None:
    for names in (["a\0", "b"], ["a", 1], [2**64 - 1, -1], [2**64 - 1, 1], [2**63 - 1, 2**53 + 1]):
        got = graph(node_names=names).node_names.tolist()
        assert got == names
        assert [type(name) for name in got] == [type(name) for name in names]
