"""speed: the table, the record, and one broken benchmark that does not hide the others."""

import json
import sys
import time
import types

import pytest

from graphkit.errors import UnknownNameError


@pytest.fixture
def speed(monkeypatch):
    import benchmarks.speed as package

    good, bad = types.ModuleType("good"), types.ModuleType("bad")
    good.run = lambda quick: [
        {"name": "thing", "ours_s": 0.5, "baseline_s": 2.0, "ratio": 4.0, "target": "4x"},
        {"name": f"quick {quick}", "ours_s": 3e-6, "baseline_s": None, "ratio": None},
    ]

    def fail(quick):
        raise RuntimeError("broken benchmark")

    bad.run = fail
    monkeypatch.setitem(sys.modules, "benchmarks.speed.good", good)
    monkeypatch.setitem(sys.modules, "benchmarks.speed.bad", bad)
    monkeypatch.setattr(package, "benchmarks", lambda: ["bad", "good"])
    return package


def arguments(package, *given):
    import argparse

    parser = argparse.ArgumentParser()
    package.add_arguments(parser)
    return parser.parse_args(given)


def test_table_and_record(speed, capsys, tmp_path):
    path = tmp_path / "speed.json"
    assert speed.run(arguments(speed, "--only", "good", "--json", str(path), "--quick")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["what", "graphkit", "baseline", "ratio", "target", "note"]
    assert lines[2].split() == ["thing", "500", "ms", "2", "s", "4.00x", "4x"]
    assert lines[3].split() == ["quick", "True", "3", "µs", "–", "–", "–"]
    record = json.loads(path.read_text())
    assert record["schema"] == "graphkit.speed/1"
    assert record["threads"] == 1
    assert record["quick"] is True
    assert [row["benchmark"] for row in record["rows"]] == ["good", "good"]


def test_a_failure_is_told_and_the_others_run(speed, capsys):
    assert speed.run(arguments(speed)) == 1
    captured = capsys.readouterr()
    assert "thing" in captured.out
    assert "broken benchmark" in captured.err
    assert captured.err.rstrip().endswith("failed: bad")


def test_unknown_name(speed):
    with pytest.raises(UnknownNameError, match="Did you mean 'good'"):
        speed.run(arguments(speed, "--only", "goood"))


def test_alternating_medians():
    from benchmarks.speed._timing import alternate, row

    order = []
    short, long = alternate(
        lambda: order.append("a"), lambda: (order.append("b"), time.sleep(0.01)), repeats=3
    )
    assert order == ["a", "b"] * 4
    assert short < 0.005 < 0.009 < long
    assert row("x", 2.0, 5.0)["ratio"] == 2.5
    assert row("x", 2.0)["ratio"] is None
