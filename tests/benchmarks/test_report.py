"""report: tables between markers come from records, and from nothing else."""

import argparse
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit.engine import Result, load_results, save_results
from graphkit.errors import GraphError


@pytest.fixture
def report():
    from benchmarks import report

    return report


@pytest.fixture
def folder(tmp_path):
    common = {
        "protocol": {"summary": "by time", "events": {"train": 7000, "test": 1500}},
        "versions": {"torch": "2.x", "graphkit": "0.1"},
    }
    published = {"ap": {"value": 0.934, "std": 0.0026, "source": "a paper"}}
    results = [
        Result(
            "link_prediction",
            "toy",
            model,
            seed,
            metrics={"test": {"ap": ap, "mrr": 0.5}},
            timing={"train_events_per_s": 1234.5, "epoch_s": [1.0, 3.0, 2.0]},
            published=published if model == "nat" else {},
            **common,
        )
        for model, seed, ap in (("nat", 0, 0.95), ("nat", 1, 0.97), ("bank", 0, 0.7))
    ]
    save_results(results, tmp_path / "toy.json")
    row = {"name": "slice", "ours_s": 2e-5, "baseline_s": 1e-3, "ratio": 50.0, "target": "4x"}
    speed = {
        "schema": "graphkit.speed/1",
        "versions": {"torch": "2.x"},
        "threads": 1,
        "quick": False,
        "rows": [row],
    }
    (tmp_path / "speed.json").write_text(json.dumps(speed))
    (tmp_path / "other.json").write_text("{}")
    return tmp_path


TEXT = "before\n<!-- report: {} -->\nold\n<!-- /report -->\nafter\n"


def cells(line):
    return line.strip("| ").split(" | ")


def test_a_table_of_results(report, folder):
    new = report.filled(TEXT.format("toy"), folder)
    assert new.startswith("before\n<!-- report: toy -->\n*toy: link prediction, test split")
    assert new.endswith("<!-- /report -->\nafter\n")
    assert "old" not in new
    lines = new.splitlines()
    head = next(line for line in lines if line.startswith("| model"))
    assert cells(head) == ["model", "AP", "MRR", "train ev/s", "published AP", "eval ev/s"]
    nat, rest = (line for line in lines if line.startswith("| nat"))
    shown = ["nat", "0.9600 ± 0.0141", "0.5000 ± 0.0000", "1,234", "0.9340 ± 0.0026", "–"]
    assert cells(nat) == shown
    assert cells(rest) == ["nat", "2.00", "–"]  # the median epoch, folded
    assert "<summary>More columns: s/epoch, peak MiB</summary>" in lines
    bank = next(line for line in lines if line.startswith("| bank"))
    assert cells(bank)[:5] == ["bank", "0.7000", "0.5000", "1,234", "–"]
    assert "published, nat: a paper." in new
    assert report.filled(new, folder) == new


def test_four_columns(report, folder):
    """A figure that is published as a mean over batches is left out: it is another protocol."""
    text = TEXT.replace("{} -->", "toy brief -->")
    lines = report.filled(text, folder).splitlines()
    assert cells(lines[2]) == ["model", "AP", "published AP, same protocol", "events/s"]
    assert cells(lines[4]) == ["nat", "0.9600 ± 0.0141", "0.9340 ± 0.0026", "–"]
    results = load_results(folder / "toy.json")
    for result in results[:2]:
        result.published["ap"]["source"] = "a paper, mean over batches"
    save_results(results, folder / "toy.json")
    lines = report.filled(text, folder).splitlines()
    assert cells(lines[4]) == ["nat", "0.9600 ± 0.0141", "–", "–"]


@given(
    width=st.integers(1, 20),
    first=st.lists(st.integers(0, 25), unique=True, max_size=8),
)
def test_a_folded_table_has_every_column_once(width, first):
    from benchmarks._tables import fold

    head = ["model", *(f"c{i}" for i in range(width))]
    lines = fold(head, [[f"{name}!" for name in head]], tuple(f"c{i}" for i in first))
    heads = [cells(line) for line in lines if line.startswith("| model |")]
    bodies = [cells(line) for line in lines if line.startswith("| model! |")]
    assert bodies == [[f"{name}!" for name in names] for names in heads]
    assert all(names[0] == "model" and len(names) <= 6 for names in heads)
    shown = [name for names in heads for name in names[1:]]
    assert sorted(shown) == sorted(head[1:])
    wanted = [f"c{i}" for i in first if i < width][:5]
    assert heads[0][1 : 1 + len(wanted)] == wanted
    assert ("<details>" in lines) == (width > 5) == ("</details>" in lines)


def test_a_table_of_speed(report, folder):
    new = report.filled(TEXT.format("speed"), folder)
    assert "| slice | 20 µs | 1 ms | 50.00x | 4x |" in new


def test_refusals(report, folder):
    with pytest.raises(GraphError, match="Did you mean 'speed'"):
        report.filled(TEXT.format("sped"), folder)
    with pytest.raises(GraphError, match=r"other\.json is not a record"):
        report.filled(TEXT.format("other"), folder)


def test_files_are_written_or_only_checked(report, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "filled", lambda text: text.replace("old", "new"))
    path = tmp_path / "page.md"
    path.write_text(TEXT.format("toy"))
    check = argparse.Namespace(files=[str(path)], check=True)
    assert report.run(check) == 1
    assert "old" in path.read_text()
    assert report.run(argparse.Namespace(files=[str(path)], check=False)) == 0
    assert path.read_text() == TEXT.format("toy").replace("old", "new")
    assert report.run(check) == 0
    assert "up to date" in capsys.readouterr().out


def test_the_tables_in_the_tree_are_up_to_date(report):
    assert report.run(argparse.Namespace(files=[], check=True)) == 0
