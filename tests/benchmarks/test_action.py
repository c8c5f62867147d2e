"""``run.py action``: encoders by name, their own settings, a table; the speed rows of ParaGRU."""

import pytest
import torch

import graphkit
from graphkit import TemporalGraph
from graphkit.engine import load_results
from graphkit.errors import GraphError, UnknownNameError


def clips(name, **options):
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(24) % 2
    signal = torch.randn(24 * 6, 3, 2, generator=draw)
    return TemporalGraph(
        [0, 1], [1, 2], [0, 0],
        signal=signal, signal_recording=torch.arange(24).repeat_interleave(6),
        recordings={"y": y, "split": ["train", "train", "train", "test"] * 6}, name=name,
    )  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path):
    from benchmarks import action
    from benchmarks.run import main

    monkeypatch.setattr(graphkit, "load", clips)
    monkeypatch.chdir(tmp_path)
    assert action.__doc__
    return lambda *arguments: main(["action", *arguments])


def test_a_row_per_encoder(run, capsys, tmp_path):
    code = run(
        "--encoder", "gru,skeleton_cnn", "--seeds", "0,1", "--epochs", "1",
        "--set", "skeleton_cnn.widths=[4,6]", "--set", "hidden_channels=8", "--set", "warmup=0",
        "--json", "out.json",
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "recording classification" in out
    assert "2 classes" in out
    assert {"gru", "skeleton_cnn"} <= set(out.split())
    found = load_results(tmp_path / "out.json")
    assert [(r.model, r.seed) for r in found] == [
        ("gru", 0), ("gru", 1), ("skeleton_cnn", 0), ("skeleton_cnn", 1),
    ]  # fmt: skip
    assert found[2].settings["model"]["encoder_settings"]["widths"] == [4, 6]
    assert found[0].settings["model"]["encoder_settings"] == {}


def test_wrong_names(run, capsys):
    assert run("--encoder", "gruu") == 2
    assert "Did you mean 'gru'" in capsys.readouterr().err
    assert run("--encoder", "gru", "--set", "hiden_channels=3") == 2
    assert "hidden_channels" in capsys.readouterr().err
    assert run("--encoder", "skeleton_cnn", "--set", "skeleton_cnn.width=3") == 2
    assert "widths" in capsys.readouterr().err
    assert issubclass(UnknownNameError, GraphError)


def test_speed_rows():
    from benchmarks.speed import para_gru

    rows = para_gru.run(quick=True)
    assert len(rows) == 4
    assert all(row["ratio"] == row["baseline_s"] / row["ours_s"] > 0 for row in rows)
