"""``graphkit recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from graphkit import Predictor
from graphkit.cli.tables import read_table


def test_the_best_of_two_users(command: Any, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "top.parquet"
    done = command("recommend", trained, "107", "114", "--k", "3", "--out", out)
    assert (done.code, done.out) == (0, f"6 rows: {out}\n"), done.err
    wanted = Predictor.open(trained).recommend([107, 114], k=3)
    pd.testing.assert_frame_equal(read_table(out), wanted)
    done = command("recommend", trained, "107", "114", "--k", "3")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["user", "rank", "item", "score", "probability"]
    assert [line[:3] for line in lines[1:]] == wanted.iloc[:, :3].astype(str).to_numpy().tolist()


def test_new_ones_only(command: Any, trained: Path, tmp_path: Path, make_events: Any) -> None:
    out = tmp_path / "top.csv"
    assert command("recommend", trained, 107, "--new-only", "--out", out).code == 0
    table = make_events()
    met = set(table["item"][table["user"] == 107])
    assert met
    assert not met & set(read_table(out)["item"])
    pd.testing.assert_frame_equal(
        read_table(out),
        Predictor.open(trained).recommend([107], met=False),
        check_dtype=False, rtol=1e-6,
    )  # fmt: skip


def test_at_a_time(command: Any, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "top.parquet"
    assert command("recommend", trained, 107, "--at", "1700000000", "--out", out).code == 0
    wanted = Predictor.open(trained).recommend([107], at=1_700_000_000)
    pd.testing.assert_frame_equal(read_table(out), wanted)
    done = command("recommend", trained, 107, "--at", "5")
    assert (done.code, "before the last event observed" in done.err) == (2, True)
    for wrong in ("soon", "nan", "2024-03-01"):
        done = command("recommend", trained, 107, "--at", wrong)
        assert (done.code, done.err.startswith("graphkit recommend: 'at'")) == (2, True), wrong


def test_at_a_date(command: Any, tmp_path: Path, make_events: Any) -> None:
    table = make_events()
    table["ts"] = pd.to_datetime(table["ts"], unit="s")
    table.to_csv(tmp_path / "e.csv", index=False)
    done = command("train", tmp_path / "e.csv", "--src", "user", "--dst", "item", "--time", "ts",
                   "--dates", "--model", "edgebank", "--out", tmp_path / "m")  # fmt: skip
    assert done.code == 0, done.err
    done = command("recommend", tmp_path / "m", 107, "--at", "2024-03-01T12:00", "--k", 2)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 3
    for wrong in ("soon", "1700000000"):
        assert command("recommend", tmp_path / "m", 107, "--at", wrong).code == 2


def test_what_is_refused(command: Any, trained: Path) -> None:
    done = command("recommend", trained, "107", "u7")
    assert done.code == 2
    assert "'LABEL', row 1: not a label as those of training; expected an integer" in done.err
    done = command("recommend", trained, "999")
    assert (done.code, "there is no node with this label" in done.err) == (2, True)
    assert command("recommend", trained, "107", "--k", "0").code == 2
    assert command("recommend", trained).code == 2
