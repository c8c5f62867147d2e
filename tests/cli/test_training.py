"""A training from words: names, settings, shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphkit.cli.graphs import TableColumns
from graphkit.cli.training import Training
from graphkit.data.window_splits import TimeSplit
from graphkit.errors import GraphError, UnknownNameError


def test_names_are_checked() -> None:
    assert Training.plan("link_prediction", "nat").view == "stream"
    with pytest.raises(UnknownNameError, match="Did you mean 'link_prediction'"):
        Training.plan("link_predict", "nat")
    with pytest.raises(UnknownNameError, match="Did you mean 'nat'"):
        Training.plan("link_prediction", "natt")
    with pytest.raises(
        GraphError, match=r"'dagnn' is not made for link_prediction; expected .*nat"
    ):
        Training.plan("link_prediction", "dagnn")
    with pytest.raises(GraphError, match=r"no model is named for forecast; expected .*linear"):
        Training.plan("forecast", None)


def test_settings_find_their_place() -> None:
    training = Training.plan("link_prediction", "nat")
    training.settle(
        ["model.dropout=0.5", "candidates=5", "clip_norm=1", "lr=3"],
        {"fit": {"lr": 0.1}, "task": {"val": 0.2}},
    )
    assert training.model == {"dropout": 0.5}
    assert training.fit == {"clip_norm": 1, "lr": 0.1}  # an argument of its own goes first
    assert training.task == {"candidates": 5, "val": 0.2}
    with pytest.raises(UnknownNameError, match="Did you mean 'dropout'"):
        training.settle(["nat.dropuot=1"], {})
    with pytest.raises(UnknownNameError, match="no setting of link_prediction named 'history'"):
        training.settle([], {"task": {"history": 3}})


@pytest.mark.parametrize(
    "task, model, given, wanted",
    [
        ("link_prediction", "nat", {"test": 0.3}, {"test": 0.3}),
        ("snapshot_link_prediction", "gcn_gru", {"val": 0.2, "test": 0.3}, (0.5, 0.2)),
        ("edge_classification", "gcn_gru", {"test": 0.3}, (0.6, 0.1)),
        ("edge_classification", "gcn_gru", {"val": 0.2}, (0.6, 0.2)),
        ("forecast", "linear", {"val": 0.1}, {"split": TimeSplit(0.1, 0.2)}),
        ("window_classification", "eegnet", {"test": 0.3}, {"split": TimeSplit(0.2, 0.3)}),
    ],
)
def test_shares_in_a_tasks_words(task: str, model: str, given: dict, wanted: object) -> None:
    training = Training.plan(task, model)
    training.settle([], {"task": given})
    if isinstance(wanted, tuple):
        assert (training.task["train"], training.task["val"]) == pytest.approx(wanted)
        assert training.task.keys() == {"train", "val"}
    else:
        assert training.task == wanted


def test_a_task_without_shares() -> None:
    with pytest.raises(GraphError, match="'--val': node_classification is not split by shares"):
        Training.plan("node_classification", "gcn").settle([], {"task": {"val": 0.1}})


def test_settings_of_the_timeline_and_of_a_random_split() -> None:
    training = Training.plan("snapshot_link_prediction", "gcn_gru")
    training.settle(["task.every=1d", "task.negatives=5"], {"task": {"history": 2}})
    assert training.task == {"every": "1d", "negatives": 5, "history": 2}
    training = Training.plan("node_classification", "gcn")
    training.settle(["task.split=random", "task.train_per_class=5"], {})
    assert training.task == {"split": "random", "train_per_class": 5}


def test_what_a_table_has_no_place_for(events_csv: Path, tmp_path: Path) -> None:
    training = Training.plan("node_classification", "gcn")
    with pytest.raises(GraphError, match="expected the folder of a saved graph"):
        training.read(events_csv, TableColumns())
    training = Training.plan("link_prediction", "nat")
    with pytest.raises(GraphError, match="'--edges'"):
        training.read(events_csv, TableColumns(), tmp_path / "edges.csv")


def test_a_saved_graph_has_its_columns(tmp_path: Path) -> None:
    training = Training.plan("link_prediction", "nat")
    with pytest.raises(GraphError, match="this is the folder of a saved graph"):
        training.read(tmp_path, TableColumns(label="kind"))
    with pytest.raises(GraphError, match="this is the folder of a saved graph"):
        training.read(tmp_path, TableColumns(), tmp_path / "edges.csv")
