"""A run in a folder: what waits, and what a result says of its making."""

import subprocess

from benchmarks import _job
from benchmarks._settings import Settings


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
