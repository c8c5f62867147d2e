"""``graphkit observe``: the state goes on, in the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphkit import Predictor
from graphkit.cli.commands.observe import _lines
from graphkit.engine.predictor import Observed


def test_the_state_goes_on_in_another_process(
    fresh: Any, trained: Path, tmp_path: Path, make_events: Any
) -> None:
    table = make_events(250, first=1_700_000_000)
    table.loc[3, "user"] = 5
    table.to_csv(tmp_path / "new.csv", index=False)
    done = fresh("observe", trained, "new.csv")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"events: 250\nnew nodes: 5\nmodel: {trained}\n"
    wanted = Predictor.open(tmp_path / "copy")
    wanted.observe(table)
    found, pairs = Predictor.open(trained), table[["user", "item"]][:20]
    pd.testing.assert_frame_equal(found.score(pairs), wanted.score(pairs))
    pd.testing.assert_frame_equal(found.recommend([5]), wanted.recommend([5]))


def test_late_events(command: Any, trained: Path, tmp_path: Path, make_events: Any) -> None:
    table = make_events(20, first=1_700_000_000)
    table.loc[4, "ts"] = 5
    table.to_csv(tmp_path / "new.csv", index=False)
    files = {path.name: path.read_bytes() for path in trained.iterdir()}
    done = command("observe", trained, tmp_path / "new.csv")
    assert done.code == 2
    assert "row 4" in done.err
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == files
    done = command("observe", trained, tmp_path / "new.csv", "--late", "drop")
    assert (done.code, done.out) == (0, f"events: 19\ndropped: 1\nmodel: {trained}\n")


def test_features_of_new_nodes(command: Any, tmp_path: Path, make_events: Any) -> None:
    import torch

    from graphkit import LinkPrediction, TemporalGraph, evaluate
    from graphkit.models import NAT

    table = make_events()
    labels = sorted({*table["user"], *table["item"]})
    x = pd.DataFrame({"a": range(len(labels)), "b": 1.0}, index=labels)
    graph = TemporalGraph.from_pandas(table, "user", "item", "ts", x=x)
    task = LinkPrediction(graph)
    torch.manual_seed(0)
    model = NAT.from_task(task)
    evaluate(model, task, device="cpu")
    Predictor(model, task).save(tmp_path / "m")
    new = pd.DataFrame({"user": [5, 107], "item": [100, 6], "ts": 1_700_000_000})
    new.to_csv(tmp_path / "new.csv", index=False)
    done = command("observe", tmp_path / "m", tmp_path / "new.csv")
    assert (done.code, "new nodes need features" in done.err) == (2, True)
    features = pd.DataFrame({"b": [3.0, 4.0], "a": [1.0, 2.0]}, index=pd.Index([6, 5], name="id"))
    features.to_csv(tmp_path / "nodes.csv")
    wanted = Predictor.open(tmp_path / "m")
    wanted.observe(new, nodes=features)
    done = command("observe", tmp_path / "m", tmp_path / "new.csv", "--nodes",
                   tmp_path / "nodes.csv")  # fmt: skip
    assert done.code == 0, done.err
    pd.testing.assert_frame_equal(
        Predictor.open(tmp_path / "m").recommend([5]), wanted.recommend([5])
    )


@pytest.mark.parametrize("model", ["observe", "forecast"])
def test_no_table(command: Any, trained: Path, tmp_path: Path, model: str) -> None:
    assert command(model, trained, tmp_path / "none.csv").code == 2


def test_what_is_said() -> None:
    assert _lines(Observed(0, ())._asdict()) == ["events: 0"]
    assert _lines(Observed(1200, tuple("abcdefg"), 3)._asdict()) == [
        "events: 1,200", "new nodes: a, b, c, d, e, ... (7)", "dropped: 3",
    ]  # fmt: skip
