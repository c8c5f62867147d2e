"""snapshot_link and edge_cls: settings that exist, a run on a small graph, its record."""

import argparse
import importlib
import json

import pytest

import graphkit
from graphkit.datasets.sbm import sbm
from graphkit.engine import load_results
from graphkit.errors import UnknownNameError


@pytest.fixture
def main(monkeypatch, tmp_path):
    """run.py's main in an empty directory, on a small graph."""
    import benchmarks.run

    graph = sbm(24, 14, p_in=0.3, p_out=0.05, migrating=2)
    labelled = graphkit.TemporalGraph(
        graph.src, graph.dst, graph.t, edge_y=(graph.src + graph.dst) % 3 // 2, num_nodes=24
    )
    monkeypatch.setattr(graphkit, "load", lambda name: labelled)
    monkeypatch.chdir(tmp_path)
    return benchmarks.run.main


TINY = ["--epochs", "1", "--data", "sbm", "--set", "every=1", "--set", "history=1"]


def test_snapshot_link(main, tmp_path, capsys):
    sizes = ["--set", "model.hidden_channels=4", "--set", "model.classifier_channels=4"]
    given = ["snapshot_link", "--model", "gcn,evolvegcn_o", *TINY, *sizes, "--json", "out.json"]
    assert main([*given, "--set", "negatives=2"]) == 0
    assert "MAP" in capsys.readouterr().out
    results = load_results(tmp_path / "out.json")
    assert [r.model for r in results] == ["gcn_snapshot", "evolvegcn_o"]
    assert set(results[0].metrics["test"]) == {"map", "mrr", "mrr_filtered"}
    assert results[0].settings["task"]["negatives"] == 2


def test_interrupted(main, tmp_path, capsys, monkeypatch):
    whole, calls = graphkit.fit, []

    def fit(*args, **given):
        calls.append(given["seed"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*args, **given)

    monkeypatch.setattr(graphkit, "fit", fit)
    given = ["snapshot_link", "--model", "gcn", *TINY, "--seeds", "0,1", "--resume", "there"]
    assert main(given) == 130
    out = capsys.readouterr().out
    assert "gcn_snapshot" in out
    assert "Interrupted: 1 of 2 trainings are done" in out
    assert main(["snapshot_link", "--resume", "there"]) == 0
    assert calls == [0, 1, 1]
    record = json.loads((tmp_path / "there" / "result.json").read_text())
    assert [r["seed"] for r in record] == [0, 1]


def test_ratings_before_a_step_as_features(main, tmp_path):
    given = ["edge_cls", "--settings", "tuned", "--model", "evolvegcn_o", *TINY]
    assert main([*given, "--json", "out.json"]) == 0
    (result,) = load_results(tmp_path / "out.json")
    assert result.protocol["features"].startswith("reputation of half-lives")


def test_scores_that_know_which_pairs_have_met(main, tmp_path):
    given = ["snapshot_link", "--model", "gcn,met_before", *TINY, "--json", "out.json"]
    more = ["--settings", "pair_history", "--set", "model.pair_history=2"]
    assert main([*given, *more]) == 0
    for result in load_results(tmp_path / "out.json"):
        assert result.settings["model"]["pair_history"] == 2
        assert result.settings["task"]["features"] == "activity"


def test_a_run_that_goes_on_needs_nothing_but_its_folder(main, tmp_path):
    given = ["snapshot_link", "--model", "gcn", *TINY, "--settings", "tuned"]
    assert main([*given, "--seeds", "0,1", "--resume", "there"]) == 0
    path = tmp_path / "there" / "result.json"
    first = json.loads(path.read_text())
    path.write_text(json.dumps(first[:1]))
    assert main(["snapshot_link", "--resume", "there"]) == 0
    again = json.loads(path.read_text())
    assert [r["seed"] for r in again] == [0, 1]
    assert again[1]["settings"] == first[1]["settings"]
    assert again[1]["metrics"] == first[1]["metrics"]


def test_edge_cls(main, tmp_path):
    assert main(["edge_cls", "--model", "evolvegcn_h", *TINY, "--json", "out.json"]) == 0
    assert "f1" in load_results(tmp_path / "out.json")[0].metrics["test"]


@pytest.mark.parametrize(
    ("command", "kind"),
    [(c, k) for c in ("snapshot_link", "edge_cls", "snapshot_node") for k in ("published", "tuned")]
    + [("snapshot_link", "pair_history")],
)
def test_every_setting_in_the_files_is_one_that_exists(command, kind):
    module = importlib.import_module(f"benchmarks.{command}")

    def training(model, data, given=()):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        sets = [part for text in given for part in ("--set", text)]
        arguments = ["--model", model, "--data", data, "--settings", kind, *sets]
        args = parser.parse_args(arguments)
        args.command = command
        return module._Training(args)

    folder = training("gcn", "sbm").settings_folder
    tried = 0
    for path in folder.glob("[!_]*.json"):
        for data in json.loads(path.read_text()):
            data = "sbm" if data == "default" else data
            (found,) = (settings for _, settings in training(path.stem, data).plan().values())
            again = [
                f"{part}.{k}={json.dumps(value)}"
                for part in ("fit", "task", "model")
                for k, value in vars(found)[part].items()
            ]
            training(path.stem, data, again).plan()  # a name that nothing takes is an error here
            tried += 1
    assert bool(tried) == folder.exists()
    with pytest.raises(UnknownNameError, match="every"):
        training("gcn", "sbm", ["task.evry=1"]).plan()
