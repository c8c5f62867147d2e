"""Result: JSON exactly as agreed, a table, a picture; files written whole or not at all."""

import json
import subprocess
import sys

import pytest

from graphkit import LinkPrediction, Result, fit
from graphkit.engine import load_results, save_results
from graphkit.engine.environment import peak_rss_mb
from graphkit.engine.plot import plot_curves
from graphkit.engine.result import table
from graphkit.errors import GraphError, MissingPackageError

FIELDS = [
    "schema",
    "task",
    "dataset",
    "model",
    "seed",
    "settings",
    "versions",
    "device",
    "threads",
    "protocol",
    "metrics",
    "timing",
    "published",
    "curves",
]


@pytest.fixture(scope="module")
def result(toy):
    graph = toy.stream(300)
    return fit(
        toy.Toy(60),
        LinkPrediction(graph, candidates=5),
        epochs=3,
        device="cpu",
        threads=1,
        progress=False,
        patience=None,
        name="toy",
    )


def test_json_has_the_agreed_fields(result, tmp_path):
    record = json.loads(result.to_json(tmp_path / "out.json"))
    assert list(record) == [*FIELDS, "sha256"]
    assert record == json.loads((tmp_path / "out.json").read_text())
    assert record["schema"] == "graphkit.result/1"
    assert record["task"] == "link_prediction"
    assert record["dataset"] == record["model"] == "toy"
    assert record["seed"] == 0
    assert record["device"] == "cpu"
    assert record["threads"] == 1
    assert set(record["metrics"]) == {"val", "test"}
    assert set(record["metrics"]["test"]) == {"ap", "auc", "mrr", "hits@10"}
    assert set(record["timing"]) == {
        "train_events_per_s",
        "eval_events_per_s",
        "epoch_s",
        "peak_rss_mb",
    }
    assert len(record["timing"]["epoch_s"]) == 3
    assert record["timing"]["train_events_per_s"] > 0
    assert 10 < record["timing"]["peak_rss_mb"] < 100_000
    assert record["settings"]["batch_size"] == 100
    assert record["settings"]["epochs"] == 3
    assert record["versions"]["torch"]
    assert len(record["curves"]["train_loss"]) == 3
    assert record["protocol"]["negatives"] == dict.fromkeys(("train", "val", "test"), "random")


def test_round_trip(result, tmp_path):
    assert Result.from_dict(json.loads(result.to_json())) == result
    save_results([result], tmp_path / "one.json")
    assert isinstance(json.loads((tmp_path / "one.json").read_text()), dict)
    save_results([result, result], tmp_path / "two.json")
    assert load_results(tmp_path / "one.json") == [result]
    assert load_results(tmp_path / "two.json") == [result, result]


def test_a_foreign_record_is_refused():
    with pytest.raises(GraphError, match="'schema'.*graphkit.result/1"):  # noqa: RUF043
        Result.from_dict({"schema": "other/1"})
    with pytest.raises(GraphError, match="the record has no model, seed"):
        Result.from_dict({"schema": "graphkit.result/1", "task": "a", "dataset": "b"})


def test_not_a_number_becomes_null():
    result = Result("task", "data", "model", 0, metrics={"test": {"ap": float("nan")}})
    assert json.loads(result.to_json())["metrics"]["test"]["ap"] is None


def test_summary(result):
    text = result.summary()
    lines = text.splitlines()
    assert lines[0] == "toy on toy · link_prediction · seed 0 · cpu"
    assert lines[1].split() == ["val", "test"]
    row = next(line.split() for line in lines if line.startswith("mrr"))
    assert row == ["mrr", "–", f"{result.metrics['test']['mrr']:.4f}"]
    assert "split 70%/15%/15% by time, random negatives" in text
    assert "3 epochs in" in lines[-1]
    assert str(result) == text


def test_table_aligns():
    assert table(["a", "bb"], [["xxx", "1"], ["y", "222"]]) == [
        "a     bb",
        "---  ---",
        "xxx    1",
        "y    222",
    ]


def test_plot_draws_the_curves(result, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    other = Result("link_prediction", "toy", "bank", 0, curves={"val_ap": [0.7]})
    path = plot_curves([result, other], tmp_path / "deep" / "curves.png")
    one = result.plot(tmp_path / "one.png")
    for picture in (path, one):
        pixels = imread(picture)
        assert pixels.shape[0] > 300
        assert pixels[..., :3].min() < 0.3 < pixels[..., :3].max()
    with pytest.raises(GraphError, match="nothing to plot"):
        plot_curves([], tmp_path / "none.png")


def test_plot_without_matplotlib_names_the_extra(result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r"graphkit-temporal\[plot\]"):
        result.plot(tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()


def test_peak_memory_grows_with_use():
    before = peak_rss_mb()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_rss_mb() >= before
    del block


def test_importing_graphkit_loads_neither_fabric_nor_torchmetrics_nor_matplotlib():
    code = (
        "import sys, graphkit, graphkit.engine, graphkit.tasks, graphkit.metrics\n"
        "heavy = {'lightning_fabric', 'torchmetrics', 'matplotlib'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
