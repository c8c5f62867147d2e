"""A saved model and the tables that it is given."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from graphkit import LinkPrediction, Predictor
from graphkit.cli import fitted
from graphkit.cli.graphs import TableColumns, events_graph
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError, MissingFileError
from graphkit.models import EdgeBank

COLUMNS = TableColumns(src="user", dst="item", time="ts", bipartite=True)


def predictor_of(graph: TemporalGraph) -> Predictor:
    task = LinkPrediction(graph)
    return Predictor(EdgeBank.from_task(task), task, until="val")


@pytest.fixture
def predictor(events_csv: Path) -> Predictor:
    """Of users and items that are integers."""
    return predictor_of(events_graph(events_csv, COLUMNS))


def test_labels_of_a_csv_have_the_type_of_training(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("item,user\n107,100\n100,114\n")
    found = fitted.read_input(predictor, path)
    assert found.columns.tolist() == ["item", "user"]
    assert (found["item"].tolist(), found["user"].tolist()) == ([107, 100], [100, 114])
    assert found["item"].dtype == "int64"
    for wrong in ("x", "0107", "107.0"):
        path.write_text(f"item,user\n107,100\n{wrong},114\n")
        with pytest.raises(GraphError, match=r"'item', row 1: not a label .*expected an integer"):
            fitted.read_input(predictor, path)


def test_a_missing_label_stays_missing(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("item,user\n107,100\n,114\n")
    found = fitted.read_input(predictor, tmp_path / "pairs.csv")
    assert found["item"].isna().tolist() == [False, True]
    with pytest.raises(GraphError, match="'item', row 1: a node is missing"):
        predictor.score(found)


def test_text_that_looks_like_a_number(tmp_path: Path) -> None:
    table = pd.DataFrame({"src": ["007", "08", "a"] * 9, "dst": ["1", "2", "b"] * 9,
                          "t": range(27)})  # fmt: skip
    predictor = predictor_of(TemporalGraph.from_pandas(table))
    (tmp_path / "pairs.csv").write_text("src,dst\n007,1\n08,2\n")
    found = fitted.read_input(predictor, tmp_path / "pairs.csv")
    assert found["src"].tolist() == ["007", "08"]
    assert len(predictor.score(found)) == 2
    (tmp_path / "pairs.csv").write_text("src,dst\n7,1\n")
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.score(fitted.read_input(predictor, tmp_path / "pairs.csv"))


def test_each_side_has_its_own_type(tmp_path: Path) -> None:
    table = pd.DataFrame({"src": range(27), "dst": [f"i{k % 3}" for k in range(27)],
                          "t": range(27)})  # fmt: skip
    predictor = predictor_of(TemporalGraph.from_pandas(table, bipartite=True))
    assert fitted.node_labels(predictor, ["5"], "src") == [5]
    assert fitted.node_labels(predictor, ["5"], "dst", side=1) == ["5"]


def test_ids_without_names() -> None:
    predictor = predictor_of(TemporalGraph(range(20), [1] * 20, range(20)))
    assert fitted.node_labels(predictor, ["5", "12"], "src") == [5, 12]
    with pytest.raises(GraphError, match="expected an integer"):
        fitted.node_labels(predictor, ["a"], "src")


def test_parquet_and_saved_graphs_have_types(
    predictor: Predictor, tmp_path: Path, make_events: Callable[..., pd.DataFrame]
) -> None:
    table = make_events()
    table.to_parquet(tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(fitted.read_input(predictor, tmp_path / "events.parquet"), table)
    events_graph(tmp_path / "events.parquet", COLUMNS).save(tmp_path / "graph")
    assert len(fitted.read_input(predictor, tmp_path / "graph")) == len(table)


def test_opening(predictor: Predictor, tmp_path: Path) -> None:
    predictor.save(tmp_path / "model")
    args = Namespace(model=tmp_path / "model", device="cpu", threads=1)
    assert fitted.open_predictor(args).offers == predictor.offers
    with pytest.raises(GraphError, match="--threads"):
        fitted.open_predictor(Namespace(**{**vars(args), "threads": 0}))
    with pytest.raises(MissingFileError):
        fitted.open_predictor(Namespace(**{**vars(args), "model": tmp_path / "none"}))


def test_tables_on_the_screen_and_in_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = pd.DataFrame({"a": [1, 2]})
    named = plain.set_index(pd.Index(["x", "y"], name="node"))
    fitted.show_or_write(plain, None)
    fitted.show_or_write(named, None)
    fitted.show_or_write(named, tmp_path / "n.csv")
    assert capsys.readouterr().out == (f"a\n1\n2\nnode,a\nx,1\ny,2\n2 rows: {tmp_path / 'n.csv'}\n")
    assert (tmp_path / "n.csv").read_text() == "node,a\nx,1\ny,2\n"
    fitted.show_or_write(plain.set_axis(["x", "y"]), None)
    assert capsys.readouterr().out == "label,a\nx,1\ny,2\n"
    fitted.show_or_write(plain, None, pretty=True)
    assert capsys.readouterr().out == " a\n 1\n 2\n"


def test_next_steps(predictor: Predictor) -> None:
    said = fitted.next_steps(predictor, Path("my model"))
    assert said.splitlines() == [
        "Go on with:",
        "  graphkit predict 'my model' pairs.csv --out scores.csv",
        "  graphkit recommend 'my model' LABEL --k 10",
        "  graphkit observe 'my model' new.csv",
    ]


def test_options_that_a_method_has(predictor: Predictor, make_events: Callable) -> None:
    later = make_events(5, first=1_700_000_000)
    seen = fitted.ask(predictor, "observe", later, late="drop", gaps=None)
    assert seen.events == 5
    with pytest.raises(GraphError, match=r"'--gaps': observe has no such choice .*link_prediction"):
        fitted.ask(predictor, "observe", later, gaps="split")
    with pytest.raises(GraphError, match=r"has no forecast\(\)"):
        fitted.ask(predictor, "forecast", steps=3)
