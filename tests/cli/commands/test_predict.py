"""``graphkit predict``: scores of a fresh process are those of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphkit import Predictor
from graphkit.cli.tables import read_table


def later(make_events: Any, num: int = 50) -> pd.DataFrame:
    """Events after those of training, columns in another order."""
    table = make_events(num, first=1_700_000_000)
    return table[["price", "ts", "item", "user"]]


def test_a_fresh_process_scores_what_another_trained(
    fresh: Any, events_csv: Path, tmp_path: Path, make_events: Any
) -> None:
    names = ["--src", "user", "--dst", "item", "--time", "ts", "--edge-attr", "price"]
    done = fresh("train", "events.csv", *names, "--epochs", 2, "--lr", 1e-3, "--out", "model/")
    assert done.code == 0, done.err
    pairs = later(make_events)
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    done = fresh("predict", "model/", "pairs.csv", "--out", "scores.parquet")
    assert (done.code, done.out, done.err) == (0, "50 rows: scores.parquet\n", "")
    scores = read_table(tmp_path / "scores.parquet")
    wanted = Predictor.open(tmp_path / "model").score(pairs)
    pd.testing.assert_frame_equal(scores, wanted)
    assert scores["user"].tolist() == pairs["user"].tolist()
    done = fresh("predict", "model/", "pairs.csv")
    assert done.code == 0
    assert done.out.splitlines()[0] == "user,item,ts,score,probability"
    assert np.allclose([float(line.split(",")[3]) for line in done.out.splitlines()[1:]],
                       scores["score"])  # fmt: skip


def test_without_times(command: Any, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("item,user\n107,100\n100,114\n")
    done = command("predict", trained, tmp_path / "pairs.csv", "--out", tmp_path / "s.csv")
    assert done.code == 0, done.err
    wanted = Predictor.open(trained).score(pd.DataFrame({"item": [107, 100], "user": [100, 114]}))
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "s.csv"), wanted, check_dtype=False, rtol=1e-6
    )


def test_observing(command: Any, trained: Path, tmp_path: Path, make_events: Any) -> None:
    table = later(make_events, 250)
    table.to_csv(tmp_path / "new.csv", index=False)
    before = Predictor.open(trained)
    wanted = before.score(table, observe=True)
    done = command("predict", trained, tmp_path / "new.csv", "--observe", "--out",
                   tmp_path / "s.parquet")  # fmt: skip
    assert done.code == 0, done.err
    pd.testing.assert_frame_equal(read_table(tmp_path / "s.parquet"), wanted)
    pairs = table[["user", "item"]][:9]
    pd.testing.assert_frame_equal(Predictor.open(trained).score(pairs), before.score(pairs))


def test_without_observing_the_model_stays(
    command: Any, trained: Path, tmp_path: Path, make_events: Any
) -> None:
    files = {path.name: path.read_bytes() for path in trained.iterdir()}
    later(make_events).to_csv(tmp_path / "new.csv", index=False)
    assert command("predict", trained, tmp_path / "new.csv").code == 0
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == files


def test_another_unit_and_separator(
    command: Any, trained: Path, tmp_path: Path, make_events: Any
) -> None:
    table = later(make_events)
    wanted = Predictor.open(trained).score(table)["score"].tolist()
    table["ts"] *= 1000
    table.to_csv(tmp_path / "pairs.csv", index=False, sep=";")
    done = command("predict", trained, tmp_path / "pairs.csv", "--sep", ";", "--time-unit", "ms",
                   "--out", tmp_path / "s.parquet")  # fmt: skip
    assert done.code == 0, done.err
    assert read_table(tmp_path / "s.parquet")["score"].tolist() == wanted


@pytest.mark.parametrize(
    "content, message",
    [
        ("user,item\n100,x\n", "'item', row 0: not a label as those of training"),
        ("user,item\n100,107\n999,107\n", "'user', row 1: there is no node with this label"),
        ("user,product\n100,107\n", "no such column"),
        ("user,item\n100,\n", "'item', row 0: a node is missing"),
        ("user,item,ts\n100,107,5\n", "before the last event observed"),
        ("", "the file is empty"),
    ],
)
def test_what_is_refused(
    command: Any, trained: Path, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "pairs.csv").write_text(content)
    done = command("predict", trained, tmp_path / "pairs.csv", "--out", tmp_path / "s.csv")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (tmp_path / "s.csv").exists()


def test_files_that_are_not_there(command: Any, trained: Path, tmp_path: Path) -> None:
    assert "no such file" in command("predict", trained, tmp_path / "none.csv").err
    assert "none" in command("predict", tmp_path / "none", tmp_path / "none.csv").err
    done = command("predict", tmp_path / "none", tmp_path / "none.csv", "--out", "scores.json")
    assert "expected a name that ends with .csv" in done.err  # before anything is opened
