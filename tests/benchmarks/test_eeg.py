"""run.py eeg on the generated set: table, record over folds, the picture; wrong names."""

import json

import pytest

from benchmarks import _settings
from benchmarks.run import main
from graphkit.engine import load_results


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Settings of a moment."""
    data = {
        "eeg_twin": {
            "load": {"num_subjects": 3, "num_clips": 5, "seconds": 2},
            "task": {"history": 64},
            "splits": {"subjects": {"leave_out": "subject"}, "blocks": {"blocks": 4}},
        }
    }
    folder = tmp_path / "eeg"
    folder.mkdir()
    (folder / "_data.json").write_text(json.dumps(data))
    fit = {"fit": {"epochs": 1, "batch_size": 16, "patience": None}}
    histn = {**fit, "model": {"kernel_size": 8, "num_filters": 2}}
    (folder / "histn.json").write_text(json.dumps({"default": histn}))
    (folder / "eegnet.json").write_text(json.dumps({"default": fit}))
    monkeypatch.setattr(_settings, "CONFIGS", tmp_path)


def run(tmp_path, *arguments):
    folder = str(tmp_path / "run")
    return main(["eeg", "--data", "eeg_twin", "--seeds", "0", "--resume", folder, *arguments])


def test_table_record_and_picture(tmp_path, capsys):
    assert run(tmp_path, "--model", "histn,csp_lda", "--set", "lr=0.01") == 0
    out = capsys.readouterr().out
    assert "leave_subject_out split, mean over 3 folds" in out
    assert "Seq2HR" in out
    results = load_results(tmp_path / "run" / "result.json")
    assert [r.model for r in results] == ["histn", "csp_lda"]
    record = results[0]
    folds = record.curves["folds"]
    assert [f["split"]["test"] for f in folds] == [[0], [1], [2]]
    mean = sum(f["metrics"]["test"]["accuracy"] for f in folds) / 3
    assert record.metrics["test"]["accuracy"] == pytest.approx(mean)
    assert record.settings["lr"] == 0.01
    assert record.settings["parameters"] > 300
    assert set(record.curves["importance"]["regions"]) >= {"left front", "right back"}
    assert (tmp_path / "run" / "scalp.png").exists()
    assert run(tmp_path) == 0  # everything is done: only the table again


def test_sweep_and_split(tmp_path, capsys):
    given = ("--model", "eegnet", "--sweep", "eegnet.variant=published,histn", "--split", "blocks")
    assert run(tmp_path, *given, "--set", "history=32") == 0
    out = capsys.readouterr().out
    assert "blocks split, mean over 4 folds" in out
    assert "eegnet variant=histn" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "nat"), "does not classify windows"),
        (("--split", "people"), "no split named 'people'"),
        (("--model", "histn", "--set", "filters=3"), "filters"),
        (("--seeds", "x"), "list of numbers"),
    ],
)
def test_wrong_arguments(tmp_path, capsys, arguments, said):
    assert run(tmp_path, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
