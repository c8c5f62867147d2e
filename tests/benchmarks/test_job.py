"""A run in a folder of its own: what waits, and what a result says of its making."""

import multiprocessing
import os
import subprocess
import time

import pytest

from benchmarks import _job
from benchmarks._job import Job
from benchmarks._settings import Settings
from graphkit.engine import Result, load_results
from graphkit.errors import GraphError


def test_what_has_no_result_yet_waits(job_with_results):
    assert job_with_results.waiting("gcn", [0, 1, 2, 3, 1]) == [1, 3]
    assert job_with_results.waiting("gcn", range(1)) == []
    assert job_with_results.waiting("gcn K=1", [0]) == [0], "another row"


def test_a_result_says_what_it_was_made_with(job_with_results, monkeypatch):
    result, other = job_with_results.done
    result.settings["lr"] = 0.1
    _job.sign(result, Settings(model={"K": 2}, task={"split": "public"}, fit={"lr": 3}))
    assert result.settings == {"lr": 0.1, "model": {"K": 2}, "task": {"split": "public"}}

    def describe(command, **options):
        assert command[-3:] == ["describe", "--always", "--dirty"]
        return subprocess.CompletedProcess(command, 0, stdout="abc1234-dirty\n")

    monkeypatch.setattr(subprocess, "run", describe)
    _job.sign(result, Settings())
    assert result.versions["commit"] == "abc1234-dirty"

    def without_git(command, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", without_git)
    _job.sign(other, Settings())
    assert "commit" not in other.versions


def make(seed):
    return Result("node_classification", "ring", "gcn", seed, metrics={"test": {"accuracy": 0.5}})


def one_run(folder, seed, ready, go):
    """A command that keeps one result."""
    os.chdir(folder)
    time.strftime = lambda *_: "20300101-000000"  # the same second for all
    ready.put(seed)
    go.wait()
    job = Job.open(None, {"seeds": str(seed)}, "results/node_cls-ring")
    job.add(make(seed))
    job.close()


def test_commands_of_the_same_second_have_folders_of_their_own(tmp_path):
    context = multiprocessing.get_context("forkserver")
    ready, go = context.Queue(), context.Event()
    runs = [context.Process(target=one_run, args=(tmp_path, s, ready, go)) for s in range(4)]
    for run in runs:
        run.start()
    for _ in runs:
        ready.get(timeout=100)
    go.set()
    for run in runs:
        run.join(timeout=100)
        assert run.exitcode == 0
    base = "node_cls-ring-20300101-000000"
    folders = sorted((tmp_path / "results").iterdir())
    assert [f.name for f in folders] == [base, f"{base}-2", f"{base}-3", f"{base}-4"]
    found = {load_results(folder / "result.json")[0].seed for folder in folders}
    assert found == {0, 1, 2, 3}
    for folder in folders:
        (result,) = load_results(folder / "result.json")
        job = Job.open(str(folder), {}, "")
        assert job.arguments == {"seeds": str(result.seed)}
        job.close()


def test_a_folder_that_a_run_writes_to_is_refused(tmp_path):
    job = Job(tmp_path / "run", {"runs": 3})
    job.add(make(0))
    with pytest.raises(GraphError, match="another run is writing to"):
        Job.open(str(job.folder), {}, "")
    job.add(make(1))
    job.close()
    again = Job.open(str(job.folder), {}, "")
    assert [result.seed for result in again.done] == [0, 1]
    again.close()


def test_a_run_that_began_meanwhile_is_not_overwritten(tmp_path):
    late = Job.open(str(tmp_path / "run"), {"runs": 3}, "")
    other = Job.open(str(tmp_path / "run"), {"runs": 3}, "")
    other.add(make(0))
    other.close()
    with pytest.raises(GraphError, match="another run has begun in"):
        late.add(make(1))
    (result,) = load_results(tmp_path / "run" / "result.json")
    assert result.seed == 0


def test_a_run_of_an_older_version_goes_on(tmp_path):
    (tmp_path / "run.json").write_text('{"runs": 3, "set": ["lr=1"]}')
    job = Job.open(str(tmp_path), {"runs": 3}, "")
    assert job.arguments == {"runs": 3, "set": ["lr=1"]}
    job.add(make(0))
    job.close()


@pytest.mark.parametrize("name", ["run.json", "result.json"])
def test_damage_is_refused_or_changes_nothing(job_with_results, name):
    job_with_results.close()
    folder = job_with_results.folder
    path, tried, refused = folder / name, 0, 0
    expected = [(r.seed, r.metrics) for r in job_with_results.done]
    text = path.read_bytes()
    for place in range(0, len(text), 3):
        for damaged in (
            text[:place],
            text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :],
            text[:place] + bytes([text[place] ^ 128]) + text[place + 1 :],
            text[:place] + text[place + 5 :],
        ):
            path.write_bytes(damaged)
            tried += 1
            said = ""
            try:
                job = Job.open(str(folder), {}, "")
            except GraphError as error:
                said = str(error)
                refused += 1
            else:
                found = [(r.seed, r.metrics) for r in job.done]
                assert (job.arguments, found) == ({"runs": 3}, expected)
                job.close()
            assert not said or str(path) in said
    assert tried > 50
    assert refused > 0.8 * tried


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"a": {"b": 1}}',
        '{"schema": "graphkit.run/1"}',
        '{"schema": "graphkit.run/1", "arguments": {}}',
    ],
)
def test_what_is_no_record_of_a_run_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(GraphError, match=r"run\.json is damaged"):
        Job.open(str(tmp_path), {}, "")
