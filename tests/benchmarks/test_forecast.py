"""run.py forecast on a tiny run: table, record, plot, sweep, and what it refuses."""

import json

import pytest

from benchmarks.run import main
from graphkit.engine import load_results


@pytest.fixture
def small(monkeypatch):
    """The ring, small enough for a test."""
    import graphkit.datasets

    usual = graphkit.datasets.load
    ring = usual("sensor_ring", num_nodes=4, days=6, steps_per_day=24)
    monkeypatch.setattr("graphkit.load", lambda name, **options: ring, raising=False)
    return ["forecast", "--data", "sensor_ring", "--device", "cpu", "--epochs", "1"]


def test_table_record_and_plot(small, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    arguments = [*small, "--model", "gru,ha,last_value", "--seeds", "0,1", "--resume",
                 str(tmp_path / "job"), "--json", str(tmp_path / "r.json"), "--set",
                 "gru.hidden_channels=4", "--plot", str(tmp_path / "p.png")]  # fmt: skip
    assert main(arguments) == 0
    results = load_results(tmp_path / "r.json")
    assert [(r.model, r.seed) for r in results] == [
        (m, s) for m in ("gru", "ha", "last_value") for s in (0, 1)
    ]
    for result in results:
        assert result.task == "forecast"
        assert {"mae", "rmse@3", "mape@6", "wape@12"} <= set(result.metrics["test"])
        assert result.protocol["split"]["name"] == "time"
    assert results[0].settings["model"]["hidden_channels"] == 4
    assert results[0].settings["parameters"] > 100
    assert results[-1].settings["parameters"] == 0
    assert (tmp_path / "p.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert "MAE@12" in out
    assert "last_value" in out
    assert main(arguments) == 0  # all is done: nothing is trained again
    assert len(load_results(tmp_path / "r.json")) == 6
    record = json.loads((tmp_path / "job" / "run.json").read_text())["arguments"]
    assert record["data"] == "sensor_ring"


def test_report_knows_the_record(small, tmp_path, capsys):
    from benchmarks.report import rendered

    main([*small, "--model", "last_value", "--resume", str(tmp_path / "job"), "--json",
          str(tmp_path / "forecast_ring.json")])  # fmt: skip
    lines = rendered("forecast_ring", tmp_path)
    assert lines[0].startswith("*sensor_ring: forecast, test split")
    assert any("| last_value |" in line for line in lines)


def test_sweep(small, tmp_path, capsys):
    assert main([*small, "--model", "gru,ha", "--sweep", "gru.hidden_channels=3,5", "--resume",
                 str(tmp_path), "--json", str(tmp_path / "r.json")]) == 0  # fmt: skip
    models = [r.model for r in load_results(tmp_path / "r.json")]
    assert models == ["gru hidden_channels=3", "gru hidden_channels=5"]
    assert main([*small, "--model", "gru,ha", "--sweep", "num_layers=1,2", "--resume",
                 str(tmp_path / "b"), "--json", str(tmp_path / "r.json")]) == 0  # fmt: skip
    models = [r.model for r in load_results(tmp_path / "r.json")]
    assert models == ["gru num_layers=1", "gru num_layers=2", "ha"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--model", "nat"], "is no forecaster"),
        (["--model", "gwnt"], "gwnet"),
        (["--model", "gru", "--set", "hiden_channels=3"], "hidden_channels"),
        (["--model", "gru", "--set", "horizonn=3"], "horizon"),
    ],
)
def test_refused(small, more, words, capsys):
    assert main([*small, *more]) == 2
    assert words in capsys.readouterr().err
