"""``graphkit train``: everything that is refused before training, and what a training leaves."""

from __future__ import annotations

import functools
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from graphkit import LinkPrediction, Predictor, TemporalGraph, fit
from graphkit.arguments import arguments_of
from graphkit.cli.commands import train
from graphkit.cli.graphs import TableColumns, events_graph
from graphkit.models import EdgeBank

NAMES = ["--src", "user", "--dst", "item", "--time", "ts"]
QUICK = ["--model", "edgebank"]


def test_the_numbers_are_those_of_python(command: Any, events_csv: Path, tmp_path: Path) -> None:
    done = command("train", events_csv, *NAMES, *QUICK, "--test", "0.2", "--out", tmp_path / "m",
                   "--json", tmp_path / "r.json")  # fmt: skip
    assert done.code == 0, done.err
    graph = events_graph(events_csv, TableColumns(src="user", dst="item", time="ts"))
    task = LinkPrediction(graph, test=0.2)
    wanted = fit(EdgeBank.from_task(task), task, progress=False, threads=1)
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["metrics"] == wanted.metrics
    assert record["settings"]["task"] == {"test": 0.2}
    assert f"ap   {wanted.metrics['val']['ap']:.4f}" in done.out
    assert f"model: {tmp_path / 'm'}" in done.out
    assert f"  graphkit predict {tmp_path / 'm'} pairs.csv --out scores.csv" in done.out
    assert Predictor.open(tmp_path / "m").model_name == "edgebank"


def test_every_argument_arrives(
    command: Any, events_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import graphkit

    seen = {}

    @functools.wraps(fit)
    def record(model: Any, task: Any, **options: Any) -> Any:
        seen.update(options, model=model, task=task)
        return fit(model, task, **options)

    monkeypatch.setattr(graphkit, "fit", record)
    done = command(
        "train", events_csv, *NAMES, "--edge-attr", "price", "--bipartite", "--time-unit", "ms",
        "--model", "nat", "--epochs", "1", "--batch-size", "50", "--lr", "0.002", "--seed", "3",
        "--device", "cpu", "--threads", "1", "--val", "0.1", "--set", "model.dropout=0.25",
        "--set", "clip_norm=2", "--checkpoint-dir", tmp_path / "c",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert list((tmp_path / "c").iterdir())
    wanted = {"epochs": 1, "batch_size": 50, "lr": 0.002, "seed": 3, "device": "cpu",
              "threads": 1, "clip_norm": 2, "checkpoint_dir": tmp_path / "c", "resume": False,
              "name": "nat"}  # fmt: skip
    assert {name: seen[name] for name in wanted} == wanted
    graph = seen["task"].graph
    assert str(graph.time_unit) == "ms"
    assert graph.num_src_nodes == 20
    assert graph.column_names["edge_attr"] == ("price",)
    assert len(seen["task"].split.val) == pytest.approx(60, abs=6)
    assert arguments_of(seen["model"])["dropout"] == 0.25


def test_a_run_that_goes_on(command: Any, events_csv: Path, tmp_path: Path) -> None:
    arguments = ["train", events_csv, *NAMES, "--lr", "0.01", "--json", tmp_path / "r.json"]
    resumable = [*arguments, "--checkpoint-dir", tmp_path / "c"]
    assert command(*arguments, "--epochs", "2").code == 0
    whole = json.loads((tmp_path / "r.json").read_text())["metrics"]
    assert command(*resumable, "--epochs", "1").code == 0
    done = command(*resumable, "--epochs", "2", "--resume")
    assert "goes on from epoch 2" in done.err
    assert json.loads((tmp_path / "r.json").read_text())["metrics"] == whole


def test_ctrl_c_says_how_to_go_on(
    command: Any, events_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import graphkit

    @functools.wraps(fit)
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(graphkit, "fit", interrupt)
    monkeypatch.setattr("sys.argv", ["graphkit", "train", "my events.csv", "--resume"])
    done = command("train", events_csv, *NAMES, "--checkpoint-dir", tmp_path / "c")
    assert done.code == 130
    assert "Go on with: graphkit train 'my events.csv' --resume\n" in done.err


def test_a_saved_graph(command: Any, events_csv: Path, tmp_path: Path) -> None:
    columns = TableColumns(src="user", dst="item", time="ts", bipartite=True)
    events_graph(events_csv, columns).save(tmp_path / "graph")
    done = command("train", tmp_path / "graph", *QUICK, "--out", tmp_path / "m")
    assert done.code == 0, done.err
    assert Predictor.open(tmp_path / "m").labels.space is not None


def test_classes_of_nodes_from_a_saved_graph(command: Any, tmp_path: Path) -> None:
    import torch

    num_nodes = 60
    y = torch.arange(num_nodes) % 2
    graph = TemporalGraph(
        list(range(num_nodes)), [(n + 2) % num_nodes for n in range(num_nodes)], [0] * num_nodes,
        x=torch.nn.functional.one_hot(y).float(), y=y,
    )  # fmt: skip
    graph.save(tmp_path / "graph")
    done = command(
        "train", tmp_path / "graph", "--task", "node_classification", "--model", "mlp",
        "--set", "task.split=random", "--set", "task.train_per_class=10", "--set",
        "task.num_val=10", "--set", "task.num_test=20", "--lr", "0.1", "--epochs", "30",
        "--json", tmp_path / "r.json", "--out", tmp_path / "m",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "r.json").read_text())["metrics"]["test"]["accuracy"] == 1.0
    done = command("predict", tmp_path / "m", tmp_path / "graph")
    assert done.code == 0, done.err
    rows = [line.split(",") for line in done.out.splitlines()]
    assert rows[0] == ["label", "class", "0", "1"]
    assert [(row[0], row[1]) for row in rows[1:]] == [(f"{n}", f"{n % 2}") for n in range(60)]
    done = command("predict", tmp_path / "m", tmp_path / "graph", "--observe")
    assert (done.code, "'--observe': predict has no such choice" in done.err) == (2, True)


def test_forecasts_are_measured(command: Any, readings_csv: Path, tmp_path: Path) -> None:
    done = command(
        "train", readings_csv, "--task", "forecast", "--model", "last_value", "--time", "t",
        "--dates", "--history", "6", "--horizon", "2", "--json", tmp_path / "r.json",
    )  # fmt: skip
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["settings"]["task"] == {"history": 6, "horizon": 2}
    assert 0 < record["metrics"]["test"]["mae"] < 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--task", "link_predicton"], "Did you mean 'link_prediction'"),
        (["--model", "natt"], "Did you mean 'nat'"),
        (["--task", "forecast"], "'--model': no model is named for forecast"),
        (["--set", "lr"], "expected key=value"),
        (["--set", "nat.dim_=1"], "there is no setting of nat named 'dim_'"),
        (["--resume"], "'--resume': there is no folder to go on from"),
        (["--src", "usr"], "Did you mean 'user'"),
        (["--edge-attr", "prize"], "Did you mean 'price'"),
        (["--val", "0.6", "--test", "0.6"], "val"),
        (["--sep", ";"], "there is no such column"),
        (["--history", "3"], "there is no setting of link_prediction named 'history'"),
    ],
)
def test_what_is_refused(
    command: Any, events_csv: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = command("train", events_csv, *NAMES, *arguments, "--out", tmp_path / "m")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (tmp_path / "m").exists()


def test_places_that_cannot_be_written_to_are_refused_before_training(
    command: Any, events_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import graphkit

    @functools.wraps(fit)
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(graphkit, "fit", never)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    for options, message in (
        (["--out", tmp_path / "full"], "holds other things"),
        (["--out", events_csv], "is a file"),
        (["--json", tmp_path / "full"], "is a folder, not"),
    ):
        done = command("train", events_csv, *NAMES, *options)
        assert done.code == 2
        assert message.split(",")[0] in done.err
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    monkeypatch.setattr("os.access", lambda *_: False)
    done = command("train", events_csv, *NAMES, "--out", tmp_path / "new" / "m")
    assert done.code == 2
    assert f"nothing can be written in '{tmp_path}'" in done.err


def test_a_saved_predictor_is_replaced(command: Any, events_csv: Path, tmp_path: Path) -> None:
    arguments = ["train", events_csv, *NAMES, *QUICK, "--out", tmp_path / "m"]
    assert command(*arguments).code == 0
    assert command(*arguments, "--bipartite").code == 0
    assert Predictor.open(tmp_path / "m").labels.space is not None


def test_defaults_in_the_help_are_those_of_fit(command: Any) -> None:
    text = " ".join(command("train", "--help").out.split())
    defaults = {name: p.default for name, p in inspect.signature(fit).parameters.items()}
    assert f"(default: {defaults['epochs']})" in text
    assert f"per batch (default: {defaults['batch_size']})" in text
    assert f"learning rate (default: {defaults['lr']:g})".replace("1e-04", "0.0001") in text
    assert f"cuda:1 (default: {defaults['device']})" in text
    assert set(train._FIT) <= set(defaults)
