"""run.py as a user calls it: from another directory, with wrong names, interrupted, resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphkit.engine import load_results

ROOT = Path(__file__).parents[2]
RUN = str(ROOT / "benchmarks" / "run.py")
SMALL = ["--data", "triadic", "--candidates", "5", "--set", "threads=1"]


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def call(*arguments, cwd, timeout=250, **more):
    return subprocess.run(
        [sys.executable, RUN, *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def main(monkeypatch, tmp_path):
    """run.py's main in this process, in an empty directory."""
    import benchmarks.run

    monkeypatch.chdir(tmp_path)
    return benchmarks.run.main


def test_from_any_directory_without_installing(tmp_path):
    done = call("--list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("link_pred", "speed", "report", "link_prediction", "edgebank", "collegemsg"):
        assert word in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["link_prd"], "link_prd -> link_pred"),
        (["link_pred", "--epoks", "3"], "--epoks -> --epochs"),
        (["link_pred", "--negatives", "historic"], "historic -> historical"),
    ],
)
def test_wrong_arguments_suggest_the_closest(main, capsys, arguments, hint):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert hint in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_named(main, capsys, tmp_path):
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "folder")
    assert main(["link_pred", "--model", "edgebank", *SMALL, "--resume", folder]) == 1
    assert folder in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["--model", "dagnn"], "does not read a stream of events"),
        (["--model", "edgbank"], "Did you mean 'edgebank'"),
        (["--model", "edgebank", "--data", "colegemsg"], "Did you mean 'collegemsg'"),
        (["--model", "edgebank", "--set", "memry=1"], "Did you mean 'memory'"),
        (["--model", "edgebank", "--set", "lr"], "key=value"),
        (["--model", "edgebank", "--seeds", "a"], "--seeds"),
        (["--model", ","], "an empty list"),
    ],
)
def test_wrong_names_are_errors_without_a_traceback(main, capsys, arguments, hint):
    assert main(["link_pred", *arguments]) == 2
    err = capsys.readouterr().err
    assert hint in err
    assert "Traceback" not in err


def test_link_pred_prints_a_table_and_writes_records(main, capsys, tmp_path):
    arguments = ["link_pred", "--model", "edgebank", "--seeds", "0,1", *SMALL]
    assert main([*arguments, "--json", "out.json", "--plot", "deep/out.png"]) == 0
    out = capsys.readouterr().out
    assert "triadic: link prediction, test split (42,000 train, 9,000 val, 9,000 test" in out
    assert "mean ± std over seeds 0, 1" in out
    row = next(line for line in out.splitlines() if line.startswith("edgebank"))
    assert "±" in row
    assert "JSON: out.json" in out
    assert "plot: deep/out.png" in out
    assert (tmp_path / "deep" / "out.png").read_bytes()[:4] == b"\x89PNG"
    results = load_results("out.json")
    assert [(r.model, r.seed) for r in results] == [("edgebank", 0), ("edgebank", 1)]
    assert results[0].metrics == results[1].metrics  # no parameters: seeds change nothing
    expected = {"ap", "auc", "ap_historical", "auc_historical", "ap_inductive", "auc_inductive"}
    assert set(results[0].metrics["test"]) == expected | {"mrr", "hits@10"}
    assert results[0].protocol["candidates"] == 5


def test_a_sweep_adds_a_row_per_value(main, capsys):
    sweep = ["--sweep", "memory=time_window", "--sweep", "min_repeats=2,3"]
    assert main(["link_pred", *SMALL, "--model", "edgebank", *sweep, "--json", "out.json"]) == 0
    rows = [r.model for r in load_results("out.json")]
    values = ("memory=time_window", "min_repeats=2", "min_repeats=3")
    assert rows == ["edgebank", *(f"edgebank {v}" for v in values)]
    assert "edgebank min_repeats=3" in capsys.readouterr().out
    assert main(["link_pred", *SMALL, "--model", "edgebank", "--sweep", "memory="]) == 2
    assert "expected key=a,b,c" in capsys.readouterr().err


def plans_of(*arguments):
    """The rows of link_pred with their settings."""
    import argparse

    from benchmarks import link_pred

    parser = argparse.ArgumentParser()
    link_pred.add_arguments(parser)
    args = parser.parse_args([*arguments, "--data", "collegemsg"])
    args.command = "link_pred"
    return link_pred._Training(args).plan()


def test_a_row_per_encoder():
    from graphkit import GraphError

    sweep = ("--sweep", "history.length=4")
    plans = plans_of("--model", "history,edgebank", *sweep, "--encoder", "gru,mixer")
    assert list(plans) == [
        "history encoder=gru",
        "history encoder=mixer",
        "edgebank",
        "history length=4",
    ]
    named = plans_of("--model", "history", *sweep, "--named", "graphmixer,dygformer")
    assert list(named) == [
        "history",
        "history graphmixer",
        "history dygformer",
        "history length=4",
    ]
    assert named["history dygformer"][1].model["pairing"] == "joint"
    assert "pairing" not in named["history"][1].model
    with pytest.raises(GraphError, match="Did you mean 'graphmixer'"):
        plans_of("--model", "history", "--named", "graphmixr")
    model, settings = plans["history encoder=mixer"]
    assert model == "history"
    assert settings.model["encoder"] == "mixer"
    assert settings.model["encoder_settings"] == {}
    assert "encoder" not in plans["edgebank"][1].model
    with pytest.raises(GraphError, match="Did you mean 'gru'"):
        plans_of("--model", "history", "--encoder", "grru")
    with pytest.raises(GraphError, match="edgebank has no sequence encoder"):
        plans_of("--model", "edgebank", "--encoder", "gru")


def test_negatives_and_inductive_reach_the_protocol(main):
    arguments = ["--model", "edgebank", "--negatives", "historical", "--inductive", *SMALL]
    assert main(["link_pred", *arguments, "--json", "out.json"]) == 0
    (result,) = load_results("out.json")
    assert result.protocol["negatives"]["test"] == "historical"
    assert result.protocol["inductive"]["held_out_nodes"] > 0
    assert "ap_random" in result.metrics["test"]


def test_without_the_preferred_data_the_title_says_so_loudly(main, capsys, monkeypatch):
    import graphkit
    from graphkit.errors import DatasetNotFoundError

    load = graphkit.load

    def absent(name, **options):
        if name == "collegemsg":
            raise DatasetNotFoundError("collegemsg", "not here")
        return load(name, num_events=3000, num_nodes=200)

    monkeypatch.setattr(graphkit, "load", absent, raising=False)
    assert main(["link_pred", "--model", "edgebank", "--candidates", "5"]) == 0
    captured = capsys.readouterr()
    assert "GENERATED DATA (triadic)" in captured.out
    assert "collegemsg is not at hand" in captured.err
    # A data set that was asked for by name is never replaced.
    assert main(["link_pred", "--model", "edgebank", "--data", "collegemsg"]) == 2
    assert "GENERATED" not in capsys.readouterr().out


def test_a_finished_run_is_not_done_again(main, capsys):
    arguments = ["link_pred", "--model", "edgebank", *SMALL]
    assert main([*arguments, "--resume", "there"]) == 0
    first = Path("there/result.json").read_text()
    assert main(["link_pred", "--resume", "there"]) == 0
    assert Path("there/result.json").read_text() == first
    assert main(["link_pred", "--resume", "there", "--candidates", "6"]) == 2
    assert "was started otherwise; expected 5; got 6" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_interrupted_says_where_to_go_on(tmp_path):
    arguments = ["link_pred", "--model", "edgebank,tgn", "--epochs", "30", *SMALL]
    process = subprocess.Popen(
        [sys.executable, RUN, *arguments, "--resume", "there"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Children of a shell's background jobs ignore the signal unless told otherwise.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 200
        while not (tmp_path / "there" / "result.json").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted: 1 of 2 trainings are done" in out
    assert "link_pred --resume there" in out
    assert any(line.startswith("edgebank") for line in out.splitlines())
    record = json.loads((tmp_path / "there" / "result.json").read_text())
    assert record["model"] == "edgebank"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_under_torchrun_one_process_speaks_and_writes(tmp_path):
    alone = call("link_pred", "--model", "edgebank", *SMALL, "--resume", "alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *torchrun, RUN, "link_pred", "--model", "edgebank", *SMALL],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("triadic: link prediction") == 1
    (folder,) = (tmp_path / "results").iterdir()
    (two,), (one,) = (
        load_results(folder / "result.json"),
        load_results(tmp_path / "alone/result.json"),
    )
    assert two.settings["world"] == 2
    assert two.metrics == one.metrics


def test_a_wrong_name_leaves_no_folder(main, tmp_path):
    assert main(["link_pred", "--data", "collegemsgg"]) == 2
    assert main(["link_pred", "--data", "triadic", "--model", "edgebankk"]) == 2
    assert list(tmp_path.iterdir()) == []
