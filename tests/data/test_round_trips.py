"""Every format gives a graph back with its names, whatever its labels are."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from graphkit import GraphError, TemporalGraph

_spec = importlib.util.spec_from_file_location("named", Path(__file__).with_name("named.py"))
named = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(named)
labels, tables = named.labels, named.tables
Same = Callable[..., None]
examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@examples
@given(drawn=tables())
def test_a_table_is_what_the_graph_says(drawn: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    frame, options = drawn
    g = TemporalGraph.from_pandas(frame, **options)
    order = frame["at"].argsort(kind="stable").tolist()
    rows = frame.iloc[order]
    assert labels(g, g.src) == rows["user"].tolist()
    assert labels(g, g.dst) == rows["item"].tolist()
    for got, want in zip(labels(g, g.src), rows["user"]):
        assert type(got) is type(want)
    if options["bipartite"]:
        assert g.num_src_nodes == frame["user"].nunique()
        assert g.num_nodes == frame["user"].nunique() + frame["item"].nunique()
        assert g.node_space.tolist() == [i >= g.num_src_nodes for i in range(g.num_nodes)]
    else:
        assert g.num_nodes == len({*frame["user"], *frame["item"]})
        assert g.num_src_nodes is None
    if "edge_y" in options:
        assert g.class_names["edge_y"] == tuple(sorted(frame["kind"].unique()))
        assert [g.class_names["edge_y"][y] for y in g.edge_y.tolist()] == rows["kind"].tolist()
        assert g.edge_y.dtype == torch.int64
    if "edge_attr" in options:
        chosen = options["edge_attr"]
        assert g.column_names["edge_attr"] == tuple([chosen] if chosen == "price" else chosen)
        assert g.edge_attr.tolist() == rows[chosen].to_numpy(dtype="float32").tolist()
    assert g.column_names["src"] == ("user",)
    assert g.dates == (frame["at"].dtype.kind == "M")
    zoned = isinstance(frame["at"].dtype, pd.DatetimeTZDtype)
    assert g.time_zone == ("Europe/Berlin" if zoned else None)
    if g.dates:
        assert (g.to_pandas(dates=True)["t"].to_numpy() == rows["at"].to_numpy()).all()


@examples
@given(drawn=tables())
def test_every_format(
    drawn: tuple[pd.DataFrame, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    assert_same: Same,
) -> None:
    frame, options = drawn
    g = TemporalGraph.from_pandas(frame, **options)
    folder = tmp_path_factory.mktemp("g")
    assert_same(TemporalGraph.from_pandas(g.to_pandas()), g)
    assert_same(pickle.loads(pickle.dumps(g)), g)
    assert_same(g[:], g)
    g.save(folder / "g")
    assert_same(TemporalGraph.open(folder / "g"), g)
    if g.node_space is None:
        assert_same(TemporalGraph.from_networkx(g.to_networkx()), g)
    if {type(label) for label in g.node_names.tolist()} in ({str}, {int}):
        g.to_csv(folder / "g.csv", meta=True)
        assert_same(TemporalGraph.from_csv(folder / "g.csv"), g)
    else:
        with pytest.raises(GraphError, match="cannot be told apart in text"):
            g.to_csv(folder / "g.csv", meta=True)
    ids = g.to_pandas(labels=False)
    assert_same(TemporalGraph.from_pandas(ids), g, "node_names")
    source = g.to_pandas(source_names=True, dates=g.dates)
    assert set(source.columns) <= set(frame.columns)
    assert_same(TemporalGraph.from_pandas(source, **options, time_unit=str(g.time_unit)), g)


@examples
@given(drawn=tables())
def test_tables_of_arrow(
    drawn: tuple[pd.DataFrame, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    assert_same: Same,
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow (extra scale) is not installed")
    frame, options = drawn
    g = TemporalGraph.from_pandas(frame, **options)
    folder = tmp_path_factory.mktemp("g")
    for kind in ("parquet", "arrow"):
        g.save(folder / f"g.{kind}")
        assert_same(TemporalGraph.open(folder / f"g.{kind}"), g)


def test_facts_survive_slices_moves_and_filters(assert_same: Same) -> None:
    g = TemporalGraph(
        [0, 1], [2, 2], [1, 5], edge_y=[1, 0], x=torch.eye(3), y=[0, -1, 1],
        node_space=[False, False, True], signal=torch.zeros(2, 3, 2), signal_recording=[0, 1],
        recordings={"y": [1, 0], "who": ["a", "b"]}, node_names=["a", "b", "a"],
        time_zone="Asia/Tokyo",
        column_names={"src": "u", "x": ["p", "q", "r"], "signal": ["v", "w"], "edge_y": "kind"},
        class_names={"edge_y": ["no", "yes"], "y": ["m", "n"], "recordings.y": [10, 20]},
    )  # fmt: skip
    assert g.dates
    for other in (g[1:], g.between(2), g.filter_events(g.src == 0), g.to("cpu"), g.split().train):
        assert other.column_names == {"src": ("u",), "x": ("p", "q", "r"), "signal": ("v", "w"),
                                      "edge_y": ("kind",)}  # fmt: skip
        assert other.class_names == {
            "edge_y": ("no", "yes"),
            "y": ("m", "n"),
            "recordings.y": (10, 20),
        }
        assert other.time_zone == "Asia/Tokyo"
        assert other.num_src_nodes == 2
    json.dumps(dict(g.column_names))


def test_a_written_zone_is_local(assert_same: Same) -> None:
    frame = pd.DataFrame({"src": ["a"], "dst": ["b"], "t": pd.to_datetime(["2024-07-01 12:00"])})
    g = TemporalGraph.from_pandas(frame, time_zone="Europe/Berlin")
    assert g.t.tolist() == [pd.Timestamp("2024-07-01 10:00").timestamp()]
    written = g.to_pandas(dates=True)["t"]
    assert str(written.iloc[0]) == "2024-07-01 12:00:00+02:00"
    for local in ("2024-03-31 02:30", "2024-10-27 02:30"):
        frame["t"] = pd.to_datetime([local])
        with pytest.raises(GraphError, match=r"'t', row 0: .*does not exist or is ambiguous"):
            TemporalGraph.from_pandas(frame, time_zone="Europe/Berlin")
