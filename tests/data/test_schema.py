"""Tables read by the schema of a graph: as the graph itself would have read them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph
from graphkit.data.labels import Labels
from graphkit.data.schema import EventSchema

_spec = importlib.util.spec_from_file_location("named", Path(__file__).with_name("named.py"))
named = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(named)


def through_json(graph: TemporalGraph) -> tuple[EventSchema, Labels]:
    schema = EventSchema.of(graph)
    again = EventSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    return again, Labels.from_json(json.loads(json.dumps(Labels.of(graph).to_json())))


@settings(max_examples=60, deadline=None)
@given(named.tables(), st.data())
def test_a_graphs_own_table_is_read_as_the_graph(drawn: Any, data: Any) -> None:
    frame, options = drawn
    g = TemporalGraph.from_pandas(frame, **options)
    schema, labels = through_json(g)
    rows = data.draw(st.permutations(range(len(frame))))
    mixed = frame.iloc[rows][data.draw(st.permutations(list(frame.columns)))]
    table = schema.read(mixed, labels=labels, need=tuple(schema.columns), time_unit="s")
    where = torch.tensor(rows)[table.order]  # the row of the frame of every event
    assert (table.t.diff() >= 0).all()
    back = frame.iloc[where.tolist()]
    assert [labels.label(i) for i in table.src.tolist()] == back["user"].tolist()
    assert [labels.label(i) for i in table.dst.tolist()] == back["item"].tolist()
    whole = TemporalGraph.from_pandas(back, **options, time_unit=str(g.time_unit))
    assert torch.equal(table.t, whole.t)
    for name in schema.columns:
        assert torch.equal(getattr(table, name), getattr(whole, name)), name
        assert getattr(table, name).dtype == getattr(g, name).dtype
    assert table.in_rows(where).tolist() == rows
    used = {name for key in ("src", "dst", "t", *schema.columns) for name in g.column_names[key]}
    assert set(table.ignored) == set(frame.columns) - used
    assert table.index.tolist() == mixed.index.tolist()
    of_graph = schema.read(g, labels=labels, need=tuple(schema.columns))
    assert torch.equal(of_graph.src, g.src)
    assert torch.equal(of_graph.t, g.t)
    for name in schema.columns:
        assert torch.equal(getattr(of_graph, name), getattr(g, name)), name


def events(**more: Any) -> pd.DataFrame:
    columns = {"u": ["a", "b"], "v": ["b", "a"], "when": [3, 1], "p": [1.0, 2.0], "q": [3, 4]}
    return pd.DataFrame(columns | {"kind": ["x", "y"]} | more)


GRAPH = TemporalGraph.from_pandas(
    events(), "u", "v", "when", edge_attr=["p", "q"], edge_y="kind", time_unit="s"
)


def read(frame: Any, graph: TemporalGraph = GRAPH, **options: Any) -> Any:
    schema, labels = through_json(graph)
    return schema.read(frame, **({"labels": labels} | options))


def test_units_of_time() -> None:
    assert read(events(when=[2000, 1000]), time_unit="ms").t.tolist() == [1, 2]
    assert read(events(when=[2, 1]), time_unit="m").t.tolist() == [60, 120]
    assert read(events(when=[2.0, 1.0])).t.tolist() == [1, 2]
    assert read(events(when=pd.to_timedelta([2, 1], unit="m"))).t.tolist() == [60, 120]
    frame = GRAPH.to_pandas()
    frame.attrs["graphkit"] = dict(frame.attrs["graphkit"], time_unit="h")
    assert read(frame).t.tolist() == [3600, 3 * 3600]
    for wrong, words in (
        ({"when": [2500, 1000]}, "'when', row 0: .*not a whole number of 's'"),
        ({"when": [0, 2**62]}, "'when', row 1: .*not a whole number"),
    ):
        with pytest.raises(GraphError, match=words):
            read(events(**wrong), time_unit="ms")
    with pytest.raises(GraphError, match=r"'when', row 1: .*not a whole number of ticks"):
        read(events(when=[2.0, 1.5]))
    with pytest.raises(GraphError, match=r"'when': dates are given, but .*dates=True"):
        read(events(when=pd.to_datetime(["2020-01-01", "2020-01-02"])))


def test_dates_with_and_without_a_zone() -> None:
    when = pd.to_datetime(["2020-01-02", "2020-01-01"])
    naive = TemporalGraph.from_pandas(events(when=when), "u", "v", "when")
    ticks = [1577836800, 1577923200]
    assert read(events(when=when), naive).t.tolist() == ticks
    assert read(events(when=["2020-01-02", "2020-01-01T00:00:00"]), naive).t.tolist() == ticks
    assert read(events(when=ticks[::-1]), naive).t.tolist() == ticks
    with pytest.raises(GraphError, match=r"'when', row 0: .*not a whole number of ticks"):
        read(events(when=when + pd.Timedelta("1ms")), naive)
    zoned = TemporalGraph.from_pandas(
        events(when=when.tz_localize("Europe/Berlin")), "u", "v", "when"
    )
    tokyo = when.tz_localize("Europe/Berlin").tz_convert("Asia/Tokyo")
    assert torch.equal(read(events(when=tokyo), zoned).t, zoned.t)
    with pytest.raises(GraphError, match="dates with a zone and dates without"):
        read(events(when=when), zoned)
    with pytest.raises(GraphError, match="dates with a zone and dates without"):
        read(events(when=tokyo), naive)
    assert EventSchema.of(zoned).clock.write(zoned.t).tolist() == sorted(tokyo)
    assert str(EventSchema.of(zoned).clock.write(zoned.t).tz) == "Europe/Berlin"


def test_times_may_be_absent() -> None:
    bare = events().drop(columns="when")
    assert read(bare, time="optional").t is None
    assert read(bare, time="optional").order.tolist() == [0, 1]
    none = read(events(), time="none")
    assert none.t is None
    assert "when" in none.ignored
    with pytest.raises(GraphError, match="'when': the table has no such column"):
        read(bare)
    static = TemporalGraph.from_pandas(events(), "u", "v", None)
    assert read(bare, static).t.tolist() == [0, 0]


def test_admitted_labels_come_in_order_of_time() -> None:
    schema, labels = through_json(GRAPH)
    new = events(u=["n", "a"], v=["m", "k"], kind=["x", "x"])
    table = schema.read(new, labels=labels, admit=True)
    assert table.new == ("k", "n", "m")
    assert labels.names.tolist() == ["a", "b", "k", "n", "m"]
    assert (table.src.tolist(), table.dst.tolist()) == ([0, 3], [2, 4])
    refused = labels.copy()
    for wrong in (events(u=["z", None]), events(u=["z", "y"], p=[1.0, np.nan])):
        with pytest.raises(GraphError):
            schema.read(wrong, labels=refused, admit=True)
    assert len(refused) == len(labels)


def test_columns_called_as_to_pandas_calls_them() -> None:
    plain = TemporalGraph([0, 1], [1, 0], [1, 2], edge_attr=torch.ones(2, 2), edge_y=[1, 0])
    frame = pd.DataFrame({"edge_attr_1": [7, 8], "src": [0, 0], "t": [5, 4], "dst": [1, 1],
                          "edge_attr_0": [5, 6]})  # fmt: skip
    assert read(frame, plain).edge_attr.tolist() == [[6, 8], [5, 7]]
    other = TemporalGraph(
        [0, 1], [1, 0], [1, 2], edge_attr=torch.tensor([[1.0, 2.0], [3.0, 4.0]]), edge_y=[1, 0],
        node_names=["a", "b"], column_names={"edge_attr": ["q", "p"], "edge_y": "kind"},
        class_names={"edge_y": ["y", "x"]},
    )  # fmt: skip
    table = read(other, need=("edge_attr", "edge_y"))
    assert table.edge_attr.tolist() == [[2, 1], [4, 3]]
    assert table.edge_y.tolist() == [0, 1]
    assert torch.equal(read(other.to_pandas(), need=("edge_y",)).edge_y, table.edge_y)


def test_tables_of_arrow() -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow (extra scale) is not installed")
    table = read(pa.Table.from_pandas(events()), need=("edge_attr", "edge_y"))
    assert table.edge_attr.tolist() == [[2, 4], [1, 3]]
    large = TemporalGraph.from_pandas(pd.DataFrame({"src": [2**53 + 1], "dst": [3], "t": [0]}))
    holes = pa.table({"src": [2**53 + 1, None], "dst": [3, 3], "t": [0, 1]})
    with pytest.raises(GraphError, match="'src', row 1: a node is missing"):
        read(holes, large)
    assert read(holes.slice(0, 1), large).src.tolist() == large.src.tolist()


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (events().drop(columns="u"), {}, "'u': the table has no such column, which is 'src'"),
        (events().rename(columns={"p": "pp"}), {}, "'p': .*Did you mean 'pp'"),
        (events(p=["1", "x"]), {}, "'p', row 1: a feature column is not numeric"),
        (events(p=[1.0, np.nan]), {}, "'p', row 1: a value is missing"),
        (events(q=[2**24 + 1, 0]), {}, "'q', row 0: a value does not fit in float32"),
        (events(u=["a", "B"]), {}, "'u', row 1: .*no node with this label.*Did you mean 'b'"),
        (events(u=["a", None]), {}, "'u', row 1: a node is missing"),
        (events(kind=["x", "z"]), {"need": ("edge_y",)}, "'kind', row 1: there is no such class"),
        (events(kind=["x", None]), {"need": ("edge_y",)}, "'kind', row 1: there is no such class"),
        (events(when=[1, None]), {}, "'when', row 1: a time is not finite"),
        (events(), {"need": ("edge_weight",)}, "'edge_weight': the graph has no such column"),
        (events(), {"time": "maybe"}, "'required', 'optional' or 'none'"),
        ({"u": ["a"]}, {}, "not a table of events"),
        (pd.concat([events(), events()], axis=1), {}, "several columns have this name"),
    ],
)
def test_what_is_refused(frame: Any, options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        read(frame, **options)


def test_a_table_without_rows() -> None:
    for frame in (events()[:0], pd.DataFrame(columns=["u", "v", "when", "p", "q", "kind"])):
        table = read(frame, need=("edge_attr", "edge_y"))
        assert len(table) == 0
        assert table.t.dtype == GRAPH.t.dtype
        assert table.edge_attr.shape == (0, 2)
        assert (table.edge_attr.dtype, table.edge_y.dtype) == (torch.float32, torch.int64)
        assert GRAPH.append(frame) is GRAPH


def test_labels_that_json_cannot_hold() -> None:
    g = TemporalGraph([0], [1], [0], node_names=[(1, 2), (3, 4)])
    with pytest.raises(GraphError, match="row 0: this label cannot be written; expected text or"):
        Labels.of(g).to_json()
