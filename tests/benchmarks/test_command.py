"""What commands that train share: arguments, the folder of a run, its end."""

import argparse
import functools
import json

import pytest

from benchmarks import _command
from graphkit.errors import GraphError, MissingPackageError

DEFAULTS = {"model": "nat,tgn", "seeds": "0", "set": []}


def test_arguments_keep_their_order_types_and_help():
    parser = argparse.ArgumentParser(prog="p")
    add = functools.partial(_command.add_shared, parser, DEFAULTS)
    add(["seeds", "model", "threads", "set", "resume"], set="lr=1")
    add(["json", "sweep"], sweep="in turn: K=1,2")
    given = parser.parse_args(["--threads", "2", "--set", "a=1", "--set", "b=2"])
    assert list(vars(given)) == ["seeds", "model", "threads", "set", "resume", "json", "sweep"]
    assert given.threads == 2
    assert given.set == ["a=1", "b=2"]
    assert given.model is given.seeds is given.sweep is None
    said = parser.format_help()
    assert "models, separated by commas (default: nat,tgn)" in said
    assert "--set KEY=VALUE" in said
    assert "in turn: K=1,2" in said


def test_names_and_seeds():
    assert _command.names(" nat,tgn,, nat ") == ["nat", "tgn"]
    assert _command.seeds("2, 0,1") == [2, 0, 1]
    for read in (_command.names, _command.seeds):
        with pytest.raises(GraphError, match="an empty list"):
            read(" , ")
    with pytest.raises(GraphError, match=r"--seeds.*expected 0,1,2; got 0,a"):
        _command.seeds("0,a")


def arguments(**given):
    usual = {"command": "node_cls", "list": False, "json": "x.json", "resume": None, "model": None}
    return argparse.Namespace(**{**usual, **given})


def test_a_run_knows_what_it_was_given_and_not_where_files_go():
    args = arguments(runs=3, settings="published", plot="x.png")
    job = _command.open_job(args, "cora")
    assert job.arguments == {"runs": 3, "settings": "published"}
    assert str(job.folder).startswith("results/node_cls-cora-2")


def test_a_run_goes_on_with_its_own_arguments(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"runs": 3, "model": "gcn"}))
    job = _command.open_job(arguments(resume=str(tmp_path)), "cora")
    assert job.arguments == {"runs": 3, "model": "gcn"}
    job.close()
    with pytest.raises(GraphError, match="was started otherwise; expected gcn; got mlp"):
        _command.open_job(arguments(resume=str(tmp_path), model="mlp"), "cora")


def some(results):
    """Results, and then Ctrl-C."""
    yield from results
    raise KeyboardInterrupt


def test_what_was_trained_is_kept_and_reported(job_with_results):
    job, seen = job_with_results, []
    results, job.done = list(job.done), []
    code = _command.train(arguments(), job, iter(results), lambda: seen.append(list(job.done)), 2)
    assert code == 0
    assert seen == [results]
    assert len(json.loads((job.folder / "result.json").read_text())) == 2


def test_interrupted(job_with_results, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["run.py"])
    job, reported = job_with_results, []
    results, job.done = list(job.done)[:1], []
    report = functools.partial(reported.append, 1)
    assert _command.train(arguments(), job, some(results), report, 4) == 130
    assert reported == [1]
    assert job.done == results
    assert capsys.readouterr().out == (
        "\nInterrupted: 1 of 4 trainings are done. Go on with\n"
        f"  python run.py node_cls --resume {job.folder}\n"
    )
    monkeypatch.setattr(job, "leads", False)
    assert _command.train(arguments(), job, some([]), report, 4) == 130
    assert capsys.readouterr().out == ""


def test_interrupted_before_anything_is_done_a_run_still_goes_on_as_asked(tmp_path, capsys):
    folder = str(tmp_path / "new")
    job = _command.open_job(arguments(resume=folder, runs=3, model="gcn"), "cora")
    assert _command.train(arguments(), job, some([]), lambda: None, 3) == 130
    job = _command.open_job(arguments(resume=folder), "cora")
    assert job.arguments == {"runs": 3, "model": "gcn"}


def test_results_are_printed_and_copied(job_with_results, tmp_path, capsys):
    _command.print_results(job_with_results, None)
    plain = capsys.readouterr().out
    assert plain.startswith("\nring: node classification, test split\n")
    assert plain.endswith(f"\nJSON: {job_with_results.folder / 'result.json'}\n")
    copy = tmp_path / "copy.json"
    _command.print_results(job_with_results, str(copy), "A NOTE")
    noted = capsys.readouterr().out
    assert noted.startswith("\nA NOTE\nring: node classification")
    assert noted.endswith(f"\nJSON: {copy}\n")
    assert [r["seed"] for r in json.loads(copy.read_text())] == [0, 2]


def test_without_a_result_nothing_is_printed(job_with_results, monkeypatch, capsys):
    assert _command.print_results(job_with_results, None)
    capsys.readouterr()
    monkeypatch.setattr(job_with_results, "leads", False)
    assert not _command.print_results(job_with_results, None)
    assert not _command.print_results(_command.open_job(arguments(), "cora"), None)
    assert capsys.readouterr().out == ""


def test_a_missing_package_is_said(capsys):
    with _command.plotting():
        raise MissingPackageError("matplotlib", "plot")
    assert capsys.readouterr().out.startswith("no plot: ")
    with pytest.raises(OSError, match="disk"), _command.plotting():
        raise OSError("disk")
