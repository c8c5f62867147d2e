"""Guesses of what a table could be trained on."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphkit.cli.columns import look_at
from graphkit.cli.layout import Layout, guess_layout


def guess(table: pd.DataFrame, sep: str = ",") -> Layout:
    return guess_layout([look_at(table[name]) for name in table.columns], len(table), sep)


def test_users_and_items(make_events) -> None:
    layout = guess(make_events())
    c = layout.columns
    assert (layout.kind, layout.missing) == ("events", ())
    assert (c.src, c.dst, c.time, c.edge_attr) == ("user", "item", "ts", ("price",))
    assert c.bipartite
    assert not c.dates
    assert c.time_unit is None
    assert layout.command(Path("events.csv")) == (
        "graphkit train events.csv --src user --dst item --time ts --edge-attr price --bipartite "
        "--out model/"
    )


def test_messages_with_dates(make_events) -> None:
    table = make_events()[["ts", "item", "user"]]
    table.columns = ["sent at", "to", "from"]
    table["sent at"] = pd.to_datetime(table["sent at"], unit="s").astype(str)
    table["weight"] = 0.5 + np.arange(len(table))
    layout = guess(table, sep=";")
    c = layout.columns
    assert (c.src, c.dst, c.time, c.edge_weight) == ("from", "to", "sent at", "weight")
    assert c.dates
    assert not c.bipartite
    assert layout.command(Path("my mail.csv"), ";") == (
        "graphkit train 'my mail.csv' --src from --dst to --time 'sent at' --edge-weight weight "
        "--dates --sep ';' --out model/"
    )


def test_names_that_say_nothing(make_events) -> None:
    table = make_events()[["user", "item", "ts"]]
    table.columns = ["a", "b", "c"]
    table["c"] *= 1000
    c = guess(table, "\t").columns
    assert (c.src, c.dst, c.time, c.time_unit) == ("a", "b", "c", "ms")
    assert "--sep tab" in guess(table).command(Path("x.csv"), "\t")


def test_what_is_left_out(make_events) -> None:
    table = make_events()
    table["note"] = [f"note {i}" for i in range(len(table))]
    table["one"] = 1
    table["gone"] = None
    table["gap"] = np.where(np.arange(len(table)) == 4, np.nan, 0.5 + np.arange(len(table)))
    layout = guess(table)
    assert layout.columns.edge_attr == ("price",)
    assert dict(layout.left_out) == {
        "note": "not numbers; encode it as numbers to use it",
        "one": "it has one value only",
        "gone": "it is empty",
        "gap": "row 4 has no number",
    }


def test_readings(make_readings) -> None:
    layout = guess(make_readings())
    assert (layout.kind, layout.columns.time, layout.columns.dates) == ("readings", "t", True)
    assert layout.command(Path("r.csv")) == (
        "graphkit train r.csv --task forecast --model linear --time t --dates --out model/"
    )


def test_roles_that_no_column_has() -> None:
    layout = guess(pd.DataFrame({"x": [1.5, 2.5]}))
    assert (layout.kind, layout.missing) == ("unknown", ("src", "dst", "time"))
    layout = guess(pd.DataFrame({"user": [1, 2] * 20, "item": [f"i{k}" for k in range(40)]}))
    assert (layout.kind, layout.missing) == ("events", ("time",))


@pytest.mark.parametrize("make", ["make_events", "make_readings"])
def test_the_line_is_understood(make: str, request: pytest.FixtureRequest) -> None:
    from graphkit.cli.program import make_parser

    layout = guess(request.getfixturevalue(make)())
    words = shlex.split(layout.command(Path("a b.csv"), ";"))
    args = make_parser()[0].parse_args(words[1:])
    assert args.time == layout.columns.time
    assert (args.sep, args.input) == (";", Path("a b.csv"))
