"""reliability: a case of every kind, and a fault of the library that is found, made small and
repeated."""

from __future__ import annotations

import json

import pytest

from graphkit.engine import load_results
from graphkit.errors import GraphError, UnknownNameError


def run(*arguments: str) -> int:
    from benchmarks.run import main

    return main(["reliability", *arguments])


@pytest.mark.slow
def test_one_case_of_every_kind(capsys, tmp_path):
    from benchmarks.reliability import classes, module_of

    path = tmp_path / "out.json"
    assert run("--cases", "1", "--json", str(path)) == 0, capsys.readouterr().err
    results = {result.dataset: result for result in load_results(path)}
    assert list(results) == classes()
    for name, result in results.items():
        kinds = result.curves["kinds"]
        assert list(kinds) == list(module_of(name).KINDS)
        assert all(count["cases"] == 1 and not count["failures"] for count in kinds.values())
        total = result.metrics["test"]
        assert total["cases"] == len(kinds) == total["right"] + total["refused"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "of", "fault", "cases", "right", "refused", "failures"]
    assert lines[len(results) + 2].split()[0] == "all"


def test_cases_depend_on_seed_and_number_alone(tmp_path):
    from benchmarks.reliability._case import Case
    from benchmarks.reliability._graphs import random_graph

    def drawn(seed: int, number: int) -> list[int]:
        graph, _ = random_graph(Case("data_in.round_trips", seed, number, 8, tmp_path))
        return graph.src.tolist()

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)


def test_a_wrong_metric_is_found_and_made_small(monkeypatch, capsys, tmp_path):
    from benchmarks.reliability import metrics

    right = metrics.ranks

    def optimistic(scores):
        """A tie counts as won."""
        return right(scores) - 0.5 * (scores[:, 1:] == scores[:, :1]).sum(1)

    monkeypatch.setattr(metrics, "ranks", optimistic)
    path = tmp_path / "out.json"
    assert run("--only", "metrics", "--cases", "40", "--json", str(path)) == 1
    (result,) = load_results(path)
    assert result.curves["kinds"]["candidates"]["failures"] >= 1
    others = [n["failures"] for k, n in result.curves["kinds"].items() if k != "candidates"]
    assert not any(others)
    text = capsys.readouterr().err
    command = next(line for line in text.splitlines() if "run.py reliability --case" in line)
    case = command.split("--case ")[1].split()[0]
    assert case.startswith("metrics.candidates:")
    assert case.endswith(":1"), "one row of two candidates is enough"
    assert run("--case", case) == 1
    assert "Fault: ranks are [1.0], not [1.5]" in capsys.readouterr().err
    monkeypatch.setattr(metrics, "ranks", right)
    assert run("--case", case) == 0


def test_a_raw_error_and_an_accepted_fault_are_failures(monkeypatch, capsys):
    from benchmarks.reliability import data_in

    def raw(*arguments, **options):
        raise ValueError("from beneath")  # not raised by a line of graphkit

    monkeypatch.setattr(data_in, "TemporalGraph", raw)
    assert run("--only", "data_in", "--cases", "1") == 1
    assert "ValueError: from beneath" in capsys.readouterr().err


def test_a_sampler_that_sees_the_present_is_found(monkeypatch, capsys):
    from graphkit.data.csr import TemporalCSR

    position = TemporalCSR.position
    monkeypatch.setattr(TemporalCSR, "position", lambda csr, t, right=False: position(csr, t, True))
    assert run("--only", "streams", "--cases", "20") == 1
    assert "FAILED streams.neighbors:" in capsys.readouterr().err


def test_a_record_names_its_failures(monkeypatch, tmp_path):
    from benchmarks.reliability import metrics

    monkeypatch.setattr(metrics, "roc_auc", lambda true, false: 0.123)
    path = tmp_path / "out.json"
    assert run("--only", "metrics", "--cases", "5", "--json", str(path)) == 1
    failures = json.loads(path.read_text())["curves"]["failures"]
    assert failures
    assert all("AUC is 0.123" in text for text in failures)


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        (["--only", "data_inn"], UnknownNameError, "Did you mean 'data_in'"),
        (["--case", "data_in"], GraphError, r"expected CLASS\.KIND:12:3"),
        (["--case", "data_in.nothing:1:1"], UnknownNameError, "no kind of case named 'nothing'"),
        (["--minutes", "0"], GraphError, "not a time"),
        (["--cases", "0"], GraphError, "nothing to do"),
    ],
)
def test_wrong_arguments(arguments, error, problem):
    import argparse

    from benchmarks import reliability

    parser = argparse.ArgumentParser()
    reliability.add_arguments(parser)
    with pytest.raises(error, match=problem):
        reliability.run(parser.parse_args(arguments))
