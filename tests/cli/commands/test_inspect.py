"""``graphkit inspect``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphkit.cli.program import make_parser
from graphkit.errors import GraphError


def test_a_sound_table(command: Any, events_csv: Path) -> None:
    done = command("inspect", events_csv)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"{events_csv}: 600 rows, 4 columns"
    assert lines[3].split() == ["user", "classes", "20", "0", "100,", "233"]
    assert lines[5].split()[:4] == ["ts", "times", "(s)", "600"]
    assert "It looks like events: src = user, dst = item, time = ts." in lines
    assert lines[-1].strip() == (
        f"graphkit train {events_csv} --src user --dst item --time ts --edge-attr price "
        "--bipartite --out model/"
    )


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_the_separator_is_found(
    command: Any, tmp_path: Path, make_events: Callable[..., pd.DataFrame], sep: str
) -> None:
    make_events().to_csv(tmp_path / "e.csv.gz", index=False, sep=sep)
    done = command("inspect", tmp_path / "e.csv.gz")
    assert done.code == 0
    args = make_parser()[0].parse_args(shlex.split(done.out.splitlines()[-1])[1:])
    assert args.sep == sep
    done = command("inspect", tmp_path / "e.csv.gz", "--sep", ",")
    assert (done.code, "1 columns" in done.out) == (2, True)


def test_parquet(command: Any, tmp_path: Path, make_events: Callable[..., pd.DataFrame]) -> None:
    make_events().to_parquet(tmp_path / "e.parquet")
    done = command("inspect", tmp_path / "e.parquet")
    assert done.code == 0
    assert "--src user --dst item --time ts" in done.out


def test_readings(command: Any, readings_csv: Path) -> None:
    done = command("inspect", readings_csv)
    assert done.code == 0
    assert "readings: one row per time (t), one column per sensor" in done.out
    assert done.out.splitlines()[-1].endswith("--task forecast --model linear --time t --dates "
                                              "--out model/")  # fmt: skip
    table = pd.read_csv(readings_csv).iloc[::-1]
    table.to_csv(readings_csv, index=False)
    done = command("inspect", readings_csv)
    assert done.code == 2
    assert "'t', row 1: times of readings must increase" in done.out


def refused(done: Any) -> list[str]:
    """The problems that inspect lists."""
    assert done.code == 2
    lines = done.out.split("train would refuse:\n")[1].splitlines()
    return [line.strip() for line in lines[: lines.index("")]] if "" in lines else lines


@pytest.mark.parametrize("column", ["user", "ts"])
def test_what_train_would_refuse(
    command: Any, tmp_path: Path, make_events: Callable[..., pd.DataFrame], column: str
) -> None:
    table = make_events().astype({column: "float64"})
    table.loc[7, column] = np.nan
    path = tmp_path / "e.csv"
    table.to_csv(path, index=False)
    done = command("inspect", path)
    problems = refused(done)
    assert problems[0].startswith(f"'{column}', row 7: ")
    line = shlex.split(done.out.splitlines()[-1])
    trained = command(*line[1 : line.index("--out")])
    assert trained.code == 2
    assert trained.err.splitlines()[-1] == f"graphkit train: {problems[0]}"


def test_several_problems(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    make_events: Callable[..., pd.DataFrame],
) -> None:  # fmt: skip
    from graphkit.cli import graphs

    def refuse(path: Path, columns: Any) -> None:
        raise GraphError(",".join(columns.edge_attr) or columns.edge_weight or "all", "no")

    monkeypatch.setattr(graphs, "events_graph", refuse)
    table = make_events()
    table["weight"], table["size"] = table["price"] + 1, table["price"] + 2
    table.to_csv(tmp_path / "e.csv", index=False)
    done = command("inspect", tmp_path / "e.csv")
    assert refused(done) == ["'all': no.", "'price': no.", "'size': no.", "'weight': no."]


def test_roles_that_no_column_has(command: Any, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("x\n1.5\n2.5\n")
    done = command("inspect", tmp_path / "e.csv")
    assert done.code == 2
    assert "no column looks like sources: name it with --src" in done.out
    assert "graphkit train" not in done.out


def test_files_that_are_not_there_or_empty(command: Any, tmp_path: Path) -> None:
    done = command("inspect", tmp_path / "none.csv")
    assert (done.code, done.out) == (2, "")
    assert "there is no such file" in done.err
    (tmp_path / "e.csv").touch()
    assert "the file is empty" in command("inspect", tmp_path / "e.csv").err
    (tmp_path / "e.csv").write_text("user,item,ts\n")
    done = command("inspect", tmp_path / "e.csv")
    assert done.code == 2
