"""node_cls and snapshot_node on small graphs: rows, published numbers, sweeps, going on."""

import json

import pytest
import torch

import graphkit
from graphkit.datasets.sbm import sbm
from graphkit.engine import load_results

SMALL = ["--data", "pubmed", "--split", "random", "--epochs", "3"]
SMALL += ["--set", "train_per_class=4", "--set", "num_val=9", "--set", "num_test=12"]


def papers(name):
    """Sixty nodes of three classes on a ring."""
    draw = torch.Generator().manual_seed(0)
    n = torch.arange(60)
    src, dst = torch.cat([n, n]), torch.cat([(n + 3) % 60, (n + 6) % 60])
    x = (torch.rand(60, 12, generator=draw) < 0.3).float()
    x[n, n % 3] = 1
    both = torch.cat([src, dst]), torch.cat([dst, src])
    t = torch.zeros(240, dtype=torch.long)
    return graphkit.TemporalGraph(*both, t, x=x, y=n % 3, name=name)


@pytest.fixture
def main(monkeypatch, tmp_path):
    """run.py's main in an empty directory, with small data."""
    import benchmarks.run

    monkeypatch.chdir(tmp_path)
    return benchmarks.run.main


def test_node_cls(main, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(graphkit, "load", papers, raising=False)
    given = ["node_cls", "--model", "dagnn,gcn", "--runs", "3", "--group", "2", *SMALL]
    assert main([*given, "--resume", "here", "--json", "out.json"]) == 0
    results = load_results(tmp_path / "out.json")
    assert [(r.model, r.seed) for r in results] == [
        (m, s) for m in ("dagnn", "gcn") for s in range(3)
    ]
    assert results[0].settings["stacked"] == 2
    assert "stacked" not in results[2].settings, "one run is left over for the second group"
    assert results[0].settings["model"] == {"hidden_channels": 64, "K": 20, "dropout": 0.8}
    assert results[0].published["accuracy"]["value"] == 0.801
    assert [r.protocol["split_seed"] for r in results[:3]] == [0, 1, 2]
    assert "0.8010" in capsys.readouterr().out
    written = (tmp_path / "here" / "result.json").read_text()
    assert main(["node_cls", "--resume", "here"]) == 0
    assert (tmp_path / "here" / "result.json").read_text() == written, "nothing was left to do"


def test_depth_study(main, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(graphkit, "load", papers, raising=False)
    given = ["node_cls", "--model", "dagnn,gcn,mlp", "--runs", "2", "--sweep", "K=1,4", *SMALL]
    assert main([*given, "--json", "out.json", "--plot", "depth.png"]) == 0
    results = {r.model: r for r in load_results(tmp_path / "out.json")}
    assert list(results) == ["dagnn K=1", "dagnn K=4", "gcn K=1", "gcn K=4", "mlp"]
    assert results["dagnn K=4"].settings["model"]["K"] == 4
    assert results["gcn K=4"].settings["model"]["num_layers"] == 4, "layers of one hop"
    assert (tmp_path / "depth.png").read_bytes().startswith(b"\x89PNG")


def test_snapshot_node(main, monkeypatch, tmp_path, capsys):
    def small(name):
        assert name == "sbm"
        return sbm(40, 12, p_in=0.3, migrating=2)

    monkeypatch.setattr(graphkit, "load", small, raising=False)
    given = ["snapshot_node", "--model", "gcn,evolvegcn_o", "--epochs", "2"]
    assert main([*given, "--json", "out.json"]) == 0
    results = load_results(tmp_path / "out.json")
    assert [r.model for r in results] == ["gcn_snapshot", "evolvegcn_o"]
    record = json.loads((tmp_path / "out.json").read_text())[0]
    assert record["task"] == "snapshot_node_classification"
    authors = {"flow": "target_to_source"}
    assert record["settings"]["task"] == {"every": 1, "history": 2, "features": "x", **authors}
    assert {"f1", "f1_micro", "f1@11", "f1_micro@11"} <= record["metrics"]["test"].keys()
    assert "micro F1" in capsys.readouterr().out
    assert main([*given, "--set", "histry=3"]) == 2
    assert "Did you mean 'history'" in capsys.readouterr().err


def test_models_of_another_view_are_refused(main, capsys):
    """Before anything is loaded, and with the names of those that would do."""
    for command, model, right in (
        ("node_cls", "nat", "appnp or dagnn or gcn or mlp"),
        ("snapshot_node", "met_before", "evolvegcn_h or evolvegcn_o or gcn_gru or gcn_snapshot"),
        ("snapshot_link", "dagnn", "met_before"),
    ):
        assert main([command, "--model", model]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"run.py {command}: '--model': '{model}' does not")
        assert right in said


@pytest.mark.parametrize("command", ["node_cls", "eeg", "action"])
def test_settings_that_a_command_cannot_use_are_refused(main, capsys, command):
    """No checkpoint is written inside these trainings: before any begins, and with what works."""
    assert main([command, "--set", "checkpoint_every=1"]) == 2
    said = capsys.readouterr().err
    assert "named 'checkpoint_every'" in said
    assert "clip_norm, " in said
    assert main([command, "--set", "fit.checkpoint_every=1"]) == 2
    assert "named 'checkpoint_every'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("node_cls", "epochs"),
        ("eeg", "epochs"),
        ("action", "epochs"),
        ("forecast", "epochs"),
        ("link_pred", "epochs"),
        ("snapshot_link", "epochs"),
        ("snapshot_node", "epochs"),
        ("edge_cls", "epochs"),
    ],
)
def test_a_word_in_place_of_a_number_is_said(main, capsys, command, key):
    assert main([command, "--set", f"{key}=two"]) == 2
    assert f"'{key}': not a whole number; expected a whole number" in capsys.readouterr().err


def test_what_a_stack_cannot_do_is_done_one_by_one(main, monkeypatch, tmp_path):
    monkeypatch.setattr(graphkit, "load", papers, raising=False)
    given = ["node_cls", "--model", "dagnn", "--runs", "2", *SMALL, "--json", "out.json"]
    assert main([*given, "--set", "clip_norm=1"]) == 0
    found = load_results(tmp_path / "out.json")
    assert [(r.seed, r.settings["clip_norm"]) for r in found] == [(0, 1), (1, 1)]
    assert all("stacked" not in r.settings for r in found)
