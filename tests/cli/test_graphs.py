"""Files as graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphkit.cli.graphs import TableColumns, events_graph, readings_graph, saved_graph
from graphkit.errors import GraphError, MissingFileError

EVENTS = TableColumns(src="user", dst="item", time="ts", edge_attr=("price",))


def test_events(events_csv: Path, make_events: Callable[..., pd.DataFrame]) -> None:
    table = make_events()
    graph = events_graph(events_csv, EVENTS)
    names = graph.node_names
    assert (names[graph.src] == table["user"]).all()
    assert (names[graph.dst] == table["item"]).all()
    assert graph.t.tolist() == table["ts"].tolist()
    assert graph.edge_attr.squeeze(1).tolist() == table["price"].astype("float32").tolist()
    assert graph.column_names["src"] == ("user",)
    assert (graph.name, str(graph.time_unit), graph.num_src_nodes) == ("events", "s", None)


def test_parquet_is_the_same(
    events_csv: Path, tmp_path: Path, make_events: Callable[..., pd.DataFrame]
) -> None:
    make_events().to_parquet(tmp_path / "events.parquet")
    one, other = events_graph(events_csv, EVENTS), events_graph(tmp_path / "events.parquet", EVENTS)
    assert (one.node_names == other.node_names).all()
    for name in ("src", "dst", "t", "edge_attr"):
        assert torch.equal(getattr(one, name), getattr(other, name))


def test_every_option(tmp_path: Path, make_events: Callable[..., pd.DataFrame]) -> None:
    table = make_events()
    table["kind"] = np.where(table["price"] > 0.5, "dear", "cheap")
    table["w"] = table["price"] + 1
    table.to_csv(tmp_path / "e.csv", sep=";", index=False)
    columns = replace(EVENTS, edge_attr=(), edge_weight="w", label="kind", bipartite=True,
                      sep=";", time_unit="ms")  # fmt: skip
    graph = events_graph(tmp_path / "e.csv", columns)
    assert graph.num_src_nodes == table["user"].nunique()
    assert graph.class_names["edge_y"] == ("cheap", "dear")
    assert graph.edge_y.tolist() == (table["price"] > 0.5).astype(int).tolist()
    assert graph.edge_weight.tolist() == table["w"].astype("float32").tolist()
    assert str(graph.time_unit) == "ms"


@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_dates(tmp_path: Path, make_events: Callable[..., pd.DataFrame], name: str) -> None:
    from graphkit.cli.tables import write_table

    table = make_events()
    ticks = table["ts"].tolist()
    table["ts"] = pd.to_datetime(table["ts"], unit="s").astype(str)
    write_table(table, tmp_path / name)
    graph = events_graph(tmp_path / name, replace(EVENTS, dates=True))
    assert graph.t.tolist() == ticks
    assert graph.dates
    with pytest.raises(
        GraphError, match=r"'ts', row 0: not a time; expected a number; .* add --dates"
    ):
        events_graph(tmp_path / name, EVENTS)
    table.loc[4, "ts"] = "soon"
    write_table(table, tmp_path / name)
    with pytest.raises(
        GraphError, match=r"'ts', row 4: not a time; expected an ISO 8601 date .*got 'soon'"
    ):
        events_graph(tmp_path / name, replace(EVENTS, dates=True))


@pytest.mark.parametrize("text, message", [
    ("", "'ts', row 7: a time is missing; expected a finite number."),
    ("inf", "'ts', row 7: not a time; expected a finite number; got inf."),
    ("soon", "'ts', row 7: not a time; expected a number; got 'soon'."),
])  # fmt: skip
@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_times_that_are_none(
    tmp_path: Path, make_events: Callable[..., pd.DataFrame], text: str, message: str, name: str
) -> None:
    table = make_events().astype({"ts": str if text == "soon" else float})
    table.loc[7, "ts"] = {"": np.nan, "inf": np.inf}.get(text, text)
    if name.endswith("csv"):
        table.to_csv(tmp_path / name, index=False)
    else:
        table.to_parquet(tmp_path / name)
    with pytest.raises(GraphError) as error:
        events_graph(tmp_path / name, EVENTS)
    assert str(error.value).startswith(message)


def test_labels_are_read_as_from_csv_reads_them(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("src,dst,t\n007,NA,1\n7,null,2\n")
    assert list(events_graph(tmp_path / "e.csv", TableColumns()).node_names) == [
        "007", "7", "NA", "null",
    ]  # fmt: skip


def test_numbers_are_no_dates(events_csv: Path) -> None:
    with pytest.raises(GraphError, match=r"'ts', row 0: times are numbers; .*Leave out --dates"):
        events_graph(events_csv, replace(EVENTS, dates=True))


def test_a_file_with_a_first_line_of_graphkit(events_csv: Path, tmp_path: Path) -> None:
    graph = events_graph(events_csv, EVENTS)
    graph.to_csv(tmp_path / "own.csv", meta=True)
    found = events_graph(tmp_path / "own.csv", TableColumns())
    assert torch.equal(found.src, graph.src)
    assert torch.equal(found.edge_attr, graph.edge_attr)
    assert (found.node_names == graph.node_names).all()


def test_a_saved_graph(events_csv: Path, tmp_path: Path) -> None:
    graph = events_graph(events_csv, EVENTS)
    graph.save(tmp_path / "graph")
    assert torch.equal(saved_graph(tmp_path / "graph").dst, graph.dst)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        events_graph(tmp_path / "none.csv", EVENTS)


# ---------------------------------------------------------------- readings
READINGS = TableColumns(time="t", dates=True)


def test_readings(readings_csv: Path, make_readings: Callable[..., pd.DataFrame]) -> None:
    table = make_readings()
    graph = readings_graph(readings_csv, READINGS)
    assert list(graph.node_names) == ["north", "east", "south"]
    assert graph.signal.shape == (300, 3, 1)
    wanted = table[["north", "east", "south"]].to_numpy("float32")
    mask = ~np.isnan(wanted)
    assert (graph.signal_mask[..., 0].numpy() == mask).all()
    assert (graph.signal[..., 0].numpy()[mask] == wanted[mask]).all()
    seconds = table["t"].to_numpy().astype("M8[s]").astype(int)
    assert graph.signal_t.tolist() == seconds.tolist()
    assert (str(graph.time_unit), graph.dates, graph.num_events) == ("s", True, 0)


def test_readings_with_links(readings_csv: Path, tmp_path: Path) -> None:
    links = pd.DataFrame({"from": ["north", "south"], "to": ["east", "north"], "w": [2.0, 3.0]})
    links.to_csv(tmp_path / "links.csv", index=False)
    columns = replace(READINGS, src="from", dst="to", edge_weight="w")
    graph = readings_graph(readings_csv, columns, tmp_path / "links.csv")
    assert (graph.src.tolist(), graph.dst.tolist()) == ([0, 2], [1, 0])
    assert graph.edge_weight.tolist() == [2.0, 3.0]
    assert graph.is_static
    with pytest.raises(GraphError, match=r"'source': .* Name the columns of the links: --src"):
        readings_graph(readings_csv, replace(columns, src="source"), tmp_path / "links.csv")
    with pytest.raises(GraphError, match="'weight'"):
        readings_graph(readings_csv, replace(columns, edge_weight="weight"), tmp_path / "links.csv")
    links.loc[1, "to"] = "west"
    links.to_csv(tmp_path / "links.csv", index=False)
    with pytest.raises(GraphError, match=r"'to', row 1: a link names no sensor.*got 'west'"):
        readings_graph(readings_csv, columns, tmp_path / "links.csv")


def test_sensors_with_numbers_for_names(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("t,773869,767541\n0,1.5,2.5\n1,1.0,2.0\n")
    (tmp_path / "links.csv").write_text("src,dst\n767541,773869\n")
    graph = readings_graph(tmp_path / "r.csv", TableColumns(), tmp_path / "links.csv")
    assert (graph.src.tolist(), graph.dst.tolist()) == ([1], [0])


@pytest.mark.parametrize(
    "content, message",
    [
        ("t,a\n0,1\n1,x\n", "'a'"),
        ("t,a\n0,1\n2,1\n1,1\n", "'t', row 2: times of readings must increase; .* got 1"),
        ("t,a\n0,1\n0,1\n", "'t', row 1: times of readings must increase"),
        ("t\n0\n1\n", "there is no reading"),
        ("time,a\n0,1\n", "'t'.*'time'"),
    ],
)
def test_readings_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(content)
    with pytest.raises(GraphError, match=message):
        readings_graph(tmp_path / "r.csv", TableColumns())


@pytest.mark.parametrize(
    "columns, option",
    [
        (replace(READINGS, edge_attr=("a",)), "--edge-attr"),
        (replace(READINGS, label="y"), "--label"),
        (replace(READINGS, bipartite=True), "--bipartite"),
    ],
)
def test_readings_have_no_events(readings_csv: Path, columns: TableColumns, option: str) -> None:
    with pytest.raises(GraphError, match=f"'{option}': a table of readings has no events"):
        readings_graph(readings_csv, columns)
